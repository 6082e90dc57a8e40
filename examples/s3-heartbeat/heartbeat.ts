/**
 * An agent's heartbeat: it asks a model gateway whether there is something to do, at its interval. This is all that an agent needs; the
 * other files are the story that it is tried in.
 */
import { type Clock, type LocalPolicy, type Outcome, type Schedule, definePolicy, schedule } from 'stanchion';

/** What an operator sets for an agent. */
export interface Settings {
  readonly intervalMs: number;
  /** No two beats begin within less, whatever asks for them. */
  readonly minSpacingMs: number;
}

/** The end of a beat: an HTTP answer, or that there was nothing to ask for. */
export type Reply = { readonly status: number; readonly retryAfter?: string } | 'nothing to do';

/** The beats of one agent, and what they know. */
export interface Heartbeat {
  readonly beats: Schedule;
  /** What is kept when the process ends: failures in a row, the last beats, the server's block. */
  snapshot(): Uint8Array;
}

/** Begins an agent's beats; with `kept`, where those of another process, or of other settings, left off. */
export async function startHeartbeat(
  agent: string,
  { intervalMs, minSpacingMs }: Settings,
  ask: (signal: AbortSignal) => Promise<Reply>,
  { clock, kept }: { readonly clock?: Clock; readonly kept?: Uint8Array | undefined } = {},
): Promise<Heartbeat> {
  const policy = definePolicy(
    {
      name: agent,
      schedule: {
        intervalMs,
        minSpacingMs,
        flood: { count: 5, windowMs: 60_000 },
        backoff: { afterFailures: 5, maxMs: 2 * 3_600_000 },
        jitterPercent: 10,
      },
      block: { maxBlockMs: 6 * 3_600_000 },
    },
    { clock },
  );
  if (kept !== undefined) await policy.restore(kept);
  // The key is what an agent's slots are spread by: eight agents do not wake at once.
  const beats = schedule(policy, async ({ signal }) => outcomeOf(policy, await ask(signal)), {
    key: agent,
    classify: (ending, usual) => (ending.isOk ? ending.value : usual),
  });
  return { beats, snapshot: () => policy.snapshot() };
}

/** What a beat's end means, by the status and not by a text. What was skipped is neither a success nor a failure. */
async function outcomeOf(policy: LocalPolicy, reply: Reply): Promise<Outcome> {
  if (reply === 'nothing to do') return 'ignored';
  const { outcome, block } = policy.verdict(reply);
  if (block !== undefined) await policy.block(block);
  return outcome ?? 'success';
}
