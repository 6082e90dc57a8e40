/**
 * What both Node clients do: a few workers that ask, call and tell how it ended, over and over. How they ask is theirs: a
 * guard with `acquire`, `settle`, `cancel`, `block` and `parseRetryAfter`.
 */
import { setTimeout as sleep } from 'node:timers/promises';

import { Reporter } from './reporter.mjs';

/** What run.mjs says by the environment, to clients of every language. */
export function settings(env = process.env) {
  return {
    upstream: env.DEMO_UPSTREAM,
    host: env.DEMO_HOST,
    state: env.DEMO_STATE,
    key: env.DEMO_KEY,
    policy: env.DEMO_POLICY,
    workers: Number(env.DEMO_WORKERS),
    callTimeoutMs: Number(env.DEMO_CALL_TIMEOUT_MS),
    leaseMs: Number(env.DEMO_LEASE_MS),
  };
}

/** Runs the workers until standard input ends, which it also does when run.mjs dies. */
export async function serve(guard, config) {
  let isStopped = false;
  process.stdin.on('end', () => (isStopped = true)).resume();
  const worker = async (number) => {
    const caller = new Caller(guard, config, new Reporter(config, number));
    while (!isStopped) await caller.once();
    await caller.reporter.flush();
  };
  await Promise.all(Array.from({ length: config.workers }, (_, number) => worker(number)));
}

/** The clock's µs, as what is told says them: never later than now. */
export const nowUs = () => Date.now() * 1000;

/** Waits are capped, so that a slot given back early is not left unused for long. */
const LONGEST_WAIT_MS = 200;
const WAIT_WITHOUT_STORE_MS = 20;

class Caller {
  constructor(guard, config, reporter) {
    Object.assign(this, { guard, config, reporter });
  }

  async once() {
    const cost = 1 + Math.floor(Math.random() * 8);
    const askedUs = nowUs();
    const decision = await this.guard.acquire(cost);
    if (!decision.admitted) return this.refused(decision, askedUs);
    const call = { ...decision, permit: String(decision.permit), handle: decision.permit, cost, askedUs };
    // The caller may be gone by now, or this process have stood still for so long that the lease would end before the call.
    const isLate = nowUs() > askedUs + (this.config.leaseMs - this.config.callTimeoutMs) * 1000;
    return isLate || Math.random() < 0.04 ? this.giveBack(call) : this.call(call);
  }

  async refused({ by, retryAfterUs, sequence, changed, events }, askedUs) {
    const gate = by === null ? 'store' : by.name ? `${by.gate}:${by.name}` : by.gate;
    await this.reporter.tell({ kind: 'rejected', at_us: askedUs, by: gate, retry_after_us: retryAfterUs, sequence, changed, events });
    const waitMs = by === null ? WAIT_WITHOUT_STORE_MS : Math.ceil(retryAfterUs / 1000);
    await sleep(Math.min(waitMs, LONGEST_WAIT_MS));
  }

  async giveBack({ handle, permit, cost, sequence, events, askedUs }) {
    await this.reporter.tell({ kind: 'held', at_us: askedUs, permit, cost, sequence, changed: true, events });
    const atUs = nowUs();
    const done = await untilHad(() => this.guard.cancel(handle));
    await this.reporter.tell({ kind: 'cancelled', at_us: atUs, permit, answer: done.settled, ...written(done) });
  }

  async call(call) {
    const { status, retryAfter, outcome, startedMs } = await this.request(call);
    const durationUs = Math.round((performance.now() - startedMs) * 1000);
    const atUs = nowUs();
    const done = await untilHad(() => this.guard.settle(call.handle, { outcome, durationUs }));
    await this.reporter.tell({
      kind: 'settled', at_us: atUs, permit: call.permit, outcome, status, answer: done.settled,
      acquired_sequence: call.sequence, acquired_at_us: call.askedUs, ...written(done),
    });
    if (status === 429 && retryAfter !== null) await this.block(call.permit, retryAfter);
  }

  async request({ permit, cost, sequence, events, askedUs }) {
    const headers = {
      ...this.reporter.headers, 'x-permit': permit, 'x-cost': String(cost), 'x-sequence': String(sequence),
      'x-at-us': String(askedUs), 'x-events': events.join(' '),
    };
    const startedMs = performance.now();
    // Whatever made the caller late, the call ends before its lease does.
    const leftMs = this.config.leaseMs - (nowUs() - askedUs) / 1000;
    const signal = AbortSignal.timeout(Math.max(1, Math.floor(Math.min(this.config.callTimeoutMs, leftMs))));
    try {
      const response = await fetch(`${this.config.upstream}/work`, { headers, signal });
      await response.arrayBuffer();
      const outcome = response.ok ? 'success' : response.status === 429 ? 'ignored' : 'failure';
      return { status: response.status, retryAfter: response.headers.get('retry-after'), outcome, startedMs };
    } catch {
      return { status: 0, retryAfter: null, outcome: 'failure', startedMs };
    }
  }

  async block(permit, header) {
    const atUs = nowUs();
    const untilUs = this.guard.parseRetryAfter(header, atUs);
    if (untilUs === null) return;
    const done = await untilHad(() => this.guard.block(untilUs));
    await this.reporter.tell({ kind: 'blocked', at_us: atUs, permit, until_us: untilUs, ...written(done) });
  }
}

function written({ sequence, changed, events }) {
  return { sequence, changed, events };
}

/** What was taken must be given back: a file that was busy is asked again. */
async function untilHad(step) {
  for (let tries = 1; ; tries += 1) {
    try {
      return await step();
    } catch (error) {
      if (error.code !== 'busy' || tries === 20) throw error;
    }
  }
}
