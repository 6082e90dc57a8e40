/** The upstream's life, on one timetable. */

/** What the upstream does in a phase: its answer, and how long it takes for it, in ms. */
export const PHASES = {
  works: { says: 'works', status: 200, latencyMs: [20, 120] },
  slows: { says: 'slows down', status: 200, latencyMs: [300, 700] },
  fails: { says: 'fails (503)', status: 503, latencyMs: [10, 40] },
  hangs: { says: 'hangs', status: 0, latencyMs: [0, 0] },
  throttles: { says: 'answers 429, Retry-After: 2', status: 429, latencyMs: [10, 40], retryAfterS: 2 },
  recovers: { says: 'recovers', status: 200, latencyMs: [20, 120] },
};

/** Shares of the whole, in seconds of a run of 36. */
const LIFE = [
  ['works', 5],
  ['slows', 4],
  ['fails', 5],
  ['recovers', 4],
  ['hangs', 5],
  ['recovers', 4],
  ['throttles', 4],
  ['recovers', 5],
];
export const WHOLE_S = LIFE.reduce((sum, [, share]) => sum + share, 0);

/** The phases of a run of so many seconds: `{name, startS, endS}`. */
export function timetable(seconds = WHOLE_S) {
  let at = 0;
  return LIFE.map(([name, share]) => {
    const startS = at;
    at += (share * seconds) / WHOLE_S;
    return { name, startS, endS: at };
  });
}
