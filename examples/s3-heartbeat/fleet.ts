/** The eight agents on a simulated clock: what the story does to them, and what they did. */
import type { RunAnswer } from 'stanchion';
import { TestClock } from 'stanchion/testing';

import { type Heartbeat, type Reply, startHeartbeat } from './heartbeat.js';
import { AGENTS, ANSWERS_AFTER_MS, END_MS, ROLLOUTS_MS, START_MS, WAKES, type Wake, replyTo, settingsAt } from './story.js';

/** A beat as the gateway saw it. */
export interface Seen {
  readonly agent: string;
  readonly atMs: number;
}

/** A wake, and what it was answered. */
export type Answered = Wake & { readonly answer: RunAnswer };

export class Fleet {
  readonly #clock = new TestClock(START_MS);
  readonly #hearts = new Map<string, Heartbeat>();
  readonly seen: Seen[] = [];
  readonly answered: Answered[] = [];

  /** Lives through the whole story. */
  async live(): Promise<void> {
    await this.#start();
    const happens = [...WAKES, ...ROLLOUTS_MS.map((atMs) => ({ atMs, agent: undefined }))];
    for (const what of happens.sort((left, right) => left.atMs - right.atMs)) {
      await this.#clock.advance(what.atMs - this.#clock.now());
      if (what.agent === undefined) await this.#start();
      else this.#wake(what);
    }
    await this.#clock.advance(END_MS - this.#clock.now());
    await Promise.all([...this.#hearts.values()].map(({ beats }) => beats.stop()));
  }

  /** Starts all agents by the settings of the hour, with what they knew before. */
  async #start(): Promise<void> {
    for (const agent of AGENTS) {
      const before = this.#hearts.get(agent);
      await before?.beats.stop();
      const options = { clock: this.#clock, kept: before?.snapshot() };
      const ask = (signal: AbortSignal): Promise<Reply> => this.#ask(agent, signal);
      this.#hearts.set(agent, await startHeartbeat(agent, settingsAt(agent, this.#clock.now()), ask, options));
    }
  }

  /** Nobody waits for the answer here: it comes when a beat under way has ended. */
  #wake(wake: Wake): void {
    const asked = this.#hearts.get(wake.agent)!.beats.wake(wake.intent);
    void asked.then((answer) => this.answered.push({ ...wake, answer }));
  }

  /** The gateway: it takes two seconds of the simulated clock to answer. */
  #ask(agent: string, signal: AbortSignal): Promise<Reply> {
    const atMs = this.#clock.now();
    this.seen.push({ agent, atMs });
    return new Promise((resolve, reject) => {
      const onAbort = (): void => reject(signal.reason);
      signal.addEventListener('abort', onAbort);
      this.#clock.setTimeout(() => {
        signal.removeEventListener('abort', onAbort);
        resolve(replyTo(agent, atMs));
      }, ANSWERS_AFTER_MS);
    });
  }
}
