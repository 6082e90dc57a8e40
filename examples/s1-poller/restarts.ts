/** Children that crash, as real processes; only their clock is simulated. */
import assert from 'node:assert/strict';
import { once } from 'node:events';
import { truncateSync } from 'node:fs';

import { type Policy, isStanchionError } from 'stanchion';
import { Store } from 'stanchion/store';
import { TestClock } from 'stanchion/testing';

import { type Child, keepRunning, restartsOf } from './children.js';

const MINUTE = 60_000;

/** Plays with the children of one kind. */
class Play {
  readonly clock = new TestClock();
  readonly restarts: Policy;
  readonly #children: Child[] = [];
  readonly #supervisor;

  constructor(kind: string, store: Store) {
    this.restarts = restartsOf(kind, store, this.clock);
    this.#supervisor = keepRunning(this.restarts, (child) => this.#children.push(child));
  }

  /** How many processes were started. */
  get starts(): number {
    return this.#children.length;
  }

  /** Ends the child that runs, and waits until its supervisor did what it does about that. */
  async tell(word: 'crash' | 'end'): Promise<void> {
    const child = this.#children.at(-1)!;
    assert.equal(child.exitCode, null, `given up after ${this.starts} starts`);
    const exit = once(child, 'exit');
    child.send(word);
    await exit;
    const { starts } = this;
    let isDone = false;
    const done = (): void => void (isDone = true);
    this.#supervisor.done.then(done, done);
    // Its backoff is 16 s at most.
    for (let seconds = 0; seconds < 20 && !isDone && this.starts === starts; seconds += 1) await this.clock.advance(1000);
  }

  /** How it ended: well, or with this error. */
  async end(): Promise<unknown> {
    return this.#supervisor.done.then(
      () => 'well',
      (error: unknown) => error,
    );
  }
}

/** "At most 5 restarts" means 5. */
export async function crashing(store: Store): Promise<{ readonly said: string; readonly restarts: Policy }> {
  const play = new Play('importer', store);
  const starts = [];
  for (let crashes = 0; crashes < 6; crashes += 1) {
    starts.push(play.starts);
    await play.tell('crash');
  }
  assert.deepEqual(starts, [1, 2, 3, 4, 5, 6]);
  assert.equal(play.starts, 6, 'the first start and five restarts');
  const error = await play.end();
  assert.ok(isStanchionError(error, 'RecoveryError') && error.code === 'exhausted', String(error));
  const said = 'A child that crashes each time is started once and restarted 5 times, not 4, and then given up.';
  return { said, restarts: play.restarts };
}

/** Stable for a minute, and all is forgotten. */
export async function stable(store: Store): Promise<string> {
  const play = new Play('indexer', store);
  for (let crashes = 0; crashes < 4; crashes += 1) await play.tell('crash');
  await play.clock.advance(MINUTE);
  for (let crashes = 0; crashes < 5; crashes += 1) await play.tell('crash');
  await play.tell('end');
  assert.equal(await play.end(), 'well');
  assert.equal(play.starts, 10);
  return 'One that crashes 4 times, works for a minute and crashes 5 times is restarted all 9 times, and then ends well.';
}

/** The file of the restarts breaks: nobody knows of them any more. */
export function breakStore(path: string): void {
  truncateSync(path, 100);
}
