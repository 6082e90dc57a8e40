/** The worker's children, real processes: kept running, and given up after five restarts within ten minutes. */
import { fork } from 'node:child_process';
import { fileURLToPath } from 'node:url';

import { type Clock, type Policy, type Supervisor, definePolicy, supervise } from 'stanchion';
import type { Store } from 'stanchion/store';

const CHILD = fileURLToPath(new URL('child.js', import.meta.url));

/** How a kind of child is restarted. Its state is in a file, so that a supervisor that is started anew remembers. */
export function restartsOf(kind: string, store: Store, clock?: Clock): Policy {
  const restart = { name: 'restart', maxAttempts: 5, windowMs: 10 * 60_000, baseDelayMs: 1000 };
  return definePolicy({ name: kind, recovery: { steps: [restart], stableMs: 60_000 } }, { store, clock });
}

/** A child, as long as it lives. */
export type Child = ReturnType<typeof fork>;

/** Keeps a child running. */
export function keepRunning(restarts: Policy, started: (child: Child) => void): Supervisor {
  return supervise(restarts, () => {
    const child = fork(CHILD, { stdio: ['ignore', 'inherit', 'inherit', 'ipc'] });
    started(child);
    return child;
  });
}
