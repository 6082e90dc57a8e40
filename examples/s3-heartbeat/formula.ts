/**
 * The formula, worked out by hand: when an agent beats, from its settings and from what its beats meet. It is slow and plain, and it
 * shares nothing with Stanchion: it is what Stanchion is held to. Instants are whole ms, slots are kept to the µs.
 */

/** The rules of an agent at an instant. */
export interface Rules {
  readonly intervalMs: number;
  readonly minSpacingMs: number;
  readonly floodCount: number;
  readonly floodWindowMs: number;
  readonly failuresBeforeBackoff: number;
  readonly longestWaitMs: number;
  readonly jitterPercent: bigint;
}

/** What an agent lives through. */
export interface Life {
  readonly key: string;
  readonly fromMs: number;
  readonly toMs: number;
  rulesAt(ms: number): Rules;
  /** When the rules change. */
  readonly changesMs: readonly number[];
  readonly wakes: readonly { readonly atMs: number; readonly intent: 'event' | 'manual' }[];
  /** Whether a beat that begins then works, fails, or counts as neither, and until when the server then wants no beats. */
  meets(beganMs: number): { readonly works: boolean | undefined; readonly blockedToMs?: number };
}

export interface Beat {
  readonly atMs: number;
  readonly intent: 'scheduled' | 'event' | 'manual';
}

const WORD = (1n << 64n) - 1n;

/** One step of splitmix64. */
function mixed(seed: bigint): bigint {
  let z = (seed + 0x9e3779b97f4a7c15n) & WORD;
  z = ((z ^ (z >> 30n)) * 0xbf58476d1ce4e5b9n) & WORD;
  z = ((z ^ (z >> 27n)) * 0x94d049bb133111ebn) & WORD;
  return z ^ (z >> 31n);
}

/** What a key is spread by: FNV-1a over its bytes, mixed. */
function hashOf(key: string): bigint {
  let hash = 0xcbf29ce484222325n;
  for (const byte of new TextEncoder().encode(key)) hash = ((hash ^ BigInt(byte)) * 0x100000001b3n) & WORD;
  return mixed(hash);
}

/** All slots of a key around a time, in µs: `phase + k × interval`, each put off by its own part of the jitter. */
function slotsOf(key: string, rules: Rules, fromMs: number, toMs: number): number[] {
  const interval = BigInt(rules.intervalMs) * 1000n;
  const hash = hashOf(key);
  const salt = mixed(mixed(0n) ^ hash);
  const slots: number[] = [];
  for (let k = (BigInt(fromMs) * 1000n) / interval - 2n; k * interval <= BigInt(toMs) * 1000n + interval; k += 1n) {
    const jitter = ((mixed(salt ^ k) >> 32n) * ((interval * rules.jitterPercent) / 100n)) >> 32n;
    slots.push(Number((hash % interval) + k * interval + jitter));
  }
  return slots;
}

/** When an agent beats. */
export function beatsOf(life: Life): Beat[] {
  const beats: Beat[] = [];
  let [nowMs, anchorMs, failures, blockedToMs] = [life.fromMs, life.fromMs, 0, 0];
  let rules = life.rulesAt(nowMs);
  let slots = slotsOf(life.key, rules, life.fromMs, life.toMs);

  /** The wait after failures in a row: base × 2 to the n, counted from the last beat. */
  const backoffMs = (): number => {
    if (beats.length === 0 || failures < rules.failuresBeforeBackoff) return 0;
    return Math.min(rules.intervalMs * 2 ** (failures - rules.failuresBeforeBackoff + 1), rules.longestWaitMs);
  };
  const backoffToMs = (): number => (backoffMs() === 0 ? 0 : beats.at(-1)!.atMs + backoffMs());
  /** In µs: a scheduled beat counts from the slot that it was for, however late its timer was. */
  const slotsHeldTo = (): number => {
    const { atMs = 0, intent = 'scheduled' } = beats.at(-1) ?? {};
    const from = intent === 'scheduled' ? slots.findLast((slot) => slot <= atMs * 1000) : undefined;
    return backoffMs() === 0 ? 0 : (from ?? atMs * 1000) + backoffMs() * 1000;
  };
  /** What holds every beat: the last one, too many, the server. */
  const heldToMs = (): number => {
    const spacedMs = (beats.at(-1)?.atMs ?? 0) + rules.minSpacingMs;
    const floodedMs = (beats.at(-rules.floodCount)?.atMs ?? 0) + rules.floodWindowMs;
    return Math.max(spacedMs, floodedMs, blockedToMs);
  };
  /** The first slot after the last scheduled beat; and the first when the backoff is over. */
  const dueMs = (): number => {
    const afterLast = slots.find((slot) => slot > anchorMs * 1000)!;
    const afterBackoff = slots.find((slot) => slot >= slotsHeldTo())!;
    return Math.max(Math.ceil(Math.max(afterLast, afterBackoff) / 1000), heldToMs(), nowMs);
  };
  const beat = (intent: Beat['intent']): void => {
    beats.push({ atMs: nowMs, intent });
    if (intent === 'scheduled') anchorMs = nowMs;
    const { works, blockedToMs: until = 0 } = life.meets(nowMs);
    if (works !== undefined) failures = works ? 0 : failures + 1;
    blockedToMs = Math.max(blockedToMs, until);
  };

  const happens = [...life.wakes, ...life.changesMs.map((atMs) => ({ atMs, intent: undefined }))];
  happens.sort((left, right) => left.atMs - right.atMs);
  for (;;) {
    const due = dueMs();
    const next = happens[0];
    if (next !== undefined && next.atMs < due) {
      happens.shift();
      nowMs = next.atMs;
      if (next.intent === undefined) slots = slotsOf(life.key, (rules = life.rulesAt(nowMs)), life.fromMs, life.toMs);
      else if (nowMs >= heldToMs() && (next.intent === 'manual' || nowMs >= backoffToMs())) beat(next.intent);
    } else if (due < life.toMs) {
      nowMs = due;
      beat('scheduled');
    } else return beats;
  }
}
