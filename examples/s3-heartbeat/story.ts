/** What happens to eight agents in 17 hours: two that work, twelve in which the gateway fails, three that work again. */
import type { Reply, Settings } from './heartbeat.js';

export const [SECOND, MINUTE, HOUR] = [1000, 60_000, 3_600_000] as const;

/** When it begins: 1 January 2026, 00:00 UTC. */
export const START_MS = Date.UTC(2026, 0, 1);
export const END_MS = START_MS + 17 * HOUR;
/** The gateway fails from here to there. */
export const FAILS_FROM_MS = START_MS + 2 * HOUR;
export const FAILS_TO_MS = FAILS_FROM_MS + 12 * HOUR;
/** How long the gateway takes to answer. */
export const ANSWERS_AFTER_MS = 2 * SECOND;

/** An instant of the story: `at(2, 30)` is half past two. */
export const at = (hours: number, minutes = 0, seconds = 0): number =>
  START_MS + hours * HOUR + minutes * MINUTE + seconds * SECOND;

/** The agents, by how often they beat. */
const INTERVALS: Readonly<Record<string, number>> = {
  triage: MINUTE,
  inbox: MINUTE,
  calendar: 5 * MINUTE,
  billing: 5 * MINUTE,
  digest: 5 * MINUTE,
  research: 30 * MINUTE,
  backup: 30 * MINUTE,
  audit: 30 * MINUTE,
};
export const AGENTS: readonly string[] = Object.keys(INTERVALS);

/** When new settings are rolled out: all agents are started anew with what they knew. */
export const ROLLOUTS_MS: readonly number[] = [at(0, 45), at(6)];

/** An agent's settings at an instant. */
export function settingsAt(agent: string, ms: number): Settings {
  const [first, second] = ROLLOUTS_MS as [number, number];
  const isSlower = agent === 'triage' && ms >= second;
  const isTighter = agent === 'inbox' && ms >= first;
  return { intervalMs: isSlower ? 5 * MINUTE : INTERVALS[agent]!, minSpacingMs: isTighter ? 5 * SECOND : 30 * SECOND };
}

/** A wish for a beat beside the interval. */
export interface Wake {
  readonly agent: string;
  readonly atMs: number;
  readonly intent: 'event' | 'manual';
}

/** Mail arrives each second for three minutes, before and after the first rollout; people wake three agents. */
export const WAKES: readonly Wake[] = [
  ...mails(at(0, 30)),
  ...mails(at(1)),
  { agent: 'billing', atMs: at(4), intent: 'manual' as const },
  { agent: 'billing', atMs: at(4, 30), intent: 'manual' as const },
  { agent: 'research', atMs: at(8, 10), intent: 'manual' as const },
  { agent: 'research', atMs: at(14, 20), intent: 'manual' as const },
].sort((left, right) => left.atMs - right.atMs);

function mails(fromMs: number): Wake[] {
  return Array.from({ length: 180 }, (_, second) => ({ agent: 'inbox', atMs: fromMs + second * SECOND, intent: 'event' as const }));
}

/** What a beat that begins then is answered. */
export function replyTo(agent: string, beganMs: number): Reply {
  const during = (fromMs: number, forMs: number): boolean => beganMs >= fromMs && beganMs < fromMs + forMs;
  if (agent === 'calendar' && during(at(0, 20), 5 * MINUTE)) return { status: 429, retryAfter: '1200' };
  if (agent === 'billing' && during(at(4), MINUTE)) return { status: 429, retryAfter: '5400' };
  if (agent === 'digest' && during(at(2, 10), 15 * MINUTE)) return 'nothing to do';
  return { status: beganMs >= FAILS_FROM_MS && beganMs < FAILS_TO_MS ? 500 : 200 };
}
