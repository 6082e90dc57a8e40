/** Real requests on a simulated clock: it stands still while any of them is under way, so that an hour takes seconds. */
import type { IncomingMessage } from 'node:http';

import type { Fetch } from 'stanchion';
import { TestClock } from 'stanchion/testing';

const ID = 'x-request-id';

export class Simulation {
  readonly clock = new TestClock(Date.UTC(2026, 0, 1, 9));
  readonly #underWay = new Set<string>();
  #count = 0;

  /** The runtime's `fetch`; a request is under way until its whole answer is here. */
  readonly fetch: Fetch = (input, init) =>
    this.during(async (id) => {
      const response = await fetch(input, { ...init, headers: { ...init?.headers, [ID]: id } });
      const body = await response.arrayBuffer();
      return new Response(body.byteLength === 0 ? null : body, response);
    });

  /** Lets the clock stand still for whatever else takes real time, as a write to the disk does. */
  async during<T>(work: (id: string) => Promise<T>): Promise<T> {
    const id = String((this.#count += 1));
    this.#underWay.add(id);
    try {
      return await work(id);
    } finally {
      this.#underWay.delete(id);
    }
  }

  /** Nobody waits for a request that is never answered, but who made it. */
  readonly hangs = (request: IncomingMessage): void => void this.#underWay.delete(String(request.headers[ID]));

  /** Moves the clock on, by five seconds at a time. */
  async advance(ms: number): Promise<void> {
    const endMs = this.clock.now() + ms;
    await this.quiet();
    while (this.clock.now() < endMs) {
      await this.clock.advance(Math.min(5000, endMs - this.clock.now()));
      await this.quiet();
    }
  }

  /** Waits until nothing is under way, and nothing follows from what was. */
  async quiet(): Promise<void> {
    for (let idle = 0; idle < 4; idle = this.#underWay.size === 0 ? idle + 1 : 0) {
      await new Promise((resolve) => setImmediate(resolve));
    }
  }
}
