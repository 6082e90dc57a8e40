import type { Answer, BasePolicy, Soon } from './base.js';
import type { RejectedError } from './errors.js';
import { Permit } from './permit.js';
import { Rejection } from './rejection.js';
import { type Limit, within } from './within.js';

/** A first in line who did not ask for so long after it could have is gone: some edge runtimes drop the timers of a dead request. */
const GONE_AFTER_MS = 1000;
/** Other processes give back what this one is not told of, so it looks: so soon first, and twice as late each time. */
const FIRST_POLL_MS = 4;
/** At most so many times twice as late: every 256 ms. */
const MOST_POLLS = 6;
/** Who waits for an instant that other processes wait for too comes up to so much later. */
const MOST_JITTER_MS = 10;

/** Someone who waits, with a promise and a timer of its own. */
class Waiter {
  next: Waiter | undefined = undefined;
  previous: Waiter | undefined = undefined;
  isIn = false;
  /** Told, once ahead, that it is worth asking. */
  #isTold = false;
  #wake: (() => void) | undefined = undefined;

  tell(): void {
    if (this.#wake === undefined) this.#isTold = true;
    else this.#wake();
  }

  /** Waits until it is told, or until so many ms are over. */
  pause(policy: BasePolicy, ms: number): Promise<void> {
    if (this.#isTold) {
      this.#isTold = false;
      return Promise.resolve();
    }
    return new Promise((resolve) => {
      const { ticker } = policy.common;
      const timer = ms === Infinity ? undefined : ticker.after(ms, () => this.#wake?.());
      this.#wake = () => {
        this.#wake = undefined;
        if (timer !== undefined) ticker.clear(timer);
        resolve();
      };
    });
  }
}

/** Where calls wait, first in, first out: only the first of them asks the gates. */
export class Line {
  #first: Waiter | undefined = undefined;
  #last: Waiter | undefined = undefined;
  /** What the first was refused for last. */
  held: Rejection | undefined = undefined;
  /** When the first means to ask again, on the steady clock. */
  #asksAtMs = Infinity;

  /** Whether nobody waits. */
  get isEmpty(): boolean {
    return this.#first === undefined;
  }

  join(waiter: Waiter): void {
    waiter.previous = this.#last;
    if (this.#last === undefined) this.#first = waiter;
    else this.#last.next = waiter;
    this.#last = waiter;
    waiter.isIn = true;
  }

  /** Lets the next one ask, also when someone in the middle gave up. */
  leave(waiter: Waiter): void {
    if (!waiter.isIn) return;
    if (waiter.previous === undefined) this.#first = waiter.next;
    else waiter.previous.next = waiter.next;
    if (waiter.next === undefined) this.#last = waiter.previous;
    else waiter.next.previous = waiter.previous;
    waiter.next = waiter.previous = undefined;
    waiter.isIn = false;
    this.#asksAtMs = Infinity;
    this.nudge();
  }

  /** Lets the first one ask, because something was given back. */
  nudge(): void {
    this.#first?.tell();
  }

  /** Whether it is a waiter's turn to ask. A first one that is gone is passed over; where it comes back, it is first again. */
  isTurnOf(waiter: Waiter, nowMs: number): boolean {
    if (!waiter.isIn) this.#joinFirst(waiter);
    if (this.#first !== waiter && this.#first !== undefined && nowMs > this.#asksAtMs + GONE_AFTER_MS) this.leave(this.#first);
    return this.#first === waiter;
  }

  /** Remembers what holds the first up, and until when. */
  holdUp(held: Rejection, asksAtMs: number): void {
    this.held = held;
    this.#asksAtMs = asksAtMs;
  }

  #joinFirst(waiter: Waiter): void {
    waiter.next = this.#first;
    if (this.#first === undefined) this.#last = waiter;
    else this.#first.previous = waiter;
    this.#first = waiter;
    waiter.isIn = true;
  }
}

/** A wish, and how long it waits. */
export interface Wait {
  readonly cost: number;
  readonly holder: string | undefined;
  readonly waitMs: number;
  readonly signal: AbortSignal | undefined;
  /** When the caller wants no answer any more. */
  readonly deadline?: Deadline | undefined;
}

/** A wish without options. */
export const AT_ONCE: Wait = Object.freeze({ cost: 1, holder: undefined, waitMs: 0, signal: undefined });

/** The option `deadlineMs`. */
export interface Deadline {
  readonly deadlineMs: number;
  /** When it was begun to count, on the steady clock. */
  readonly beganMs: number;
}

/** Asks for a call, and waits for it as long as it may. What is answered at once is no promise: each costs as much as the engine. */
export function admit(policy: BasePolicy, wait: Wait): Soon<Permit> {
  wait.signal?.throwIfAborted();
  if (wait.waitMs !== 0 && policy.common.hasLine(policy.key)) return stand(policy, wait, undefined);
  const answer = ask(policy, wait);
  return answer instanceof Promise ? answeredLater(policy, wait, answer) : answered(policy, wait, answer);
}

async function answeredLater(policy: BasePolicy, wait: Wait, answer: Promise<Answer>): Promise<Permit> {
  return answered(policy, wait, await answer);
}

function answered(policy: BasePolicy, wait: Wait, answer: Answer): Soon<Permit> {
  if (answer instanceof Permit) return wait.signal?.aborted === true ? givenUp(answer, wait.signal) : answer;
  if (wait.waitMs === 0 || isHopeless(answer)) throw policy.refused(answer);
  return stand(policy, wait, answer);
}

/** Joins the line, if that has a place. */
function stand(policy: BasePolicy, wait: Wait, held: Rejection | undefined): Promise<Permit> {
  const { common, key } = policy;
  if (common.waiting >= common.maxWaiting) throw policy.refused(held ?? common.line(key).held!, 'queue_full');
  // Who finds no line was refused before, so that something is always known to hold up the line.
  const line = common.line(key);
  line.held ??= held;
  return queue(policy, line, wait);
}

/** Asks the gates. A store may have to wait for its lock: who leaves meanwhile is told at once, and what comes later is given back. */
function ask(policy: BasePolicy, wait: Wait): Soon<Answer> {
  const answer = policy.ask(wait.cost, wait.holder);
  const mayLeave = wait.signal !== undefined || wait.deadline !== undefined;
  return answer instanceof Promise && mayLeave ? unlessLeft(policy, wait, answer) : answer;
}

function unlessLeft(policy: BasePolicy, { signal, deadline }: Wait, answer: Promise<Answer>): Promise<Answer> {
  const leave = (): void => policy.watch(answer.then((late) => (late instanceof Permit ? late.cancel() : undefined)));
  return within(policy.common, signal, deadline && limitOf(policy, deadline), () => answer, leave);
}

function limitOf(policy: BasePolicy, { deadlineMs, beganMs }: Deadline): Limit {
  const goneMs = policy.common.ticker.readSteadyMs() - beganMs;
  return { by: 'deadlineMs', timeoutMs: deadlineMs, leftMs: Math.max(deadlineMs - goneMs, 0) };
}

async function queue(policy: BasePolicy, line: Line, wait: Wait): Promise<Permit> {
  const { common, key } = policy;
  const { signal } = wait;
  const waiter = new Waiter();
  const onAbort = (): void => waiter.tell();
  line.join(waiter);
  common.waiting += 1;
  signal?.addEventListener('abort', onAbort);
  try {
    const permit = await turns(policy, line, waiter, wait);
    return signal?.aborted === true ? await givenUp(permit, signal) : permit;
  } finally {
    signal?.removeEventListener('abort', onAbort);
    common.waiting -= 1;
    line.leave(waiter);
    if (line.isEmpty) common.dropLine(key);
  }
}

/** Asks whenever it is its turn, until it is admitted or may wait no longer. */
async function turns(policy: BasePolicy, line: Line, waiter: Waiter, wait: Wait): Promise<Permit> {
  const { ticker } = policy.common;
  const endsAtMs = ticker.readSteadyMs() + wait.waitMs;
  for (let polls = 0; ; polls += 1) {
    wait.signal?.throwIfAborted();
    let leftMs = endsAtMs - ticker.readSteadyMs();
    let pauseMs = Math.min(leftMs, GONE_AFTER_MS);
    if (line.isTurnOf(waiter, ticker.steadyMs)) {
      const answer = await ask(policy, wait);
      if (answer instanceof Permit) return answer;
      leftMs = endsAtMs - ticker.readSteadyMs();
      pauseMs = pauseAfter(policy, answer, polls, leftMs);
      line.holdUp(answer, ticker.steadyMs + pauseMs);
      if (isHopeless(answer) || pauseMs > leftMs) throw policy.refused(answer);
    }
    if (leftMs <= 0) throw heldUp(policy, line, wait);
    await waiter.pause(policy, pauseMs);
  }
}

/** How long the first waits before it asks again; more than what is left where that is hopeless. */
function pauseAfter(policy: BasePolicy, held: Rejection, polls: number, leftMs: number): number {
  const { random } = policy.common;
  const mayEndEarly = held.by?.gate === 'bulkhead' || (held.by?.gate === 'circuit' && policy.isProbing());
  let pauseMs = held.retryAfterMs ?? Infinity;
  if (mayEndEarly && policy.isShared) {
    // Half of it to all of it: processes that were released by the same instant would look in step for ever.
    const pollMs = FIRST_POLL_MS << Math.min(polls, MOST_POLLS);
    pauseMs = Math.min(pauseMs, pollMs * (1 - random() / 2));
  }
  if (mayEndEarly) pauseMs = Math.min(pauseMs, leftMs);
  if (!policy.isShared || pauseMs >= leftMs) return pauseMs;
  // So that processes which wait for the same instant do not ask in step.
  return Math.min(pauseMs + random() * Math.min(pauseMs / 8, MOST_JITTER_MS), leftMs);
}

const isHopeless = (held: Rejection): boolean => held.retryAfterMs === null || held.retryAfterMs === Infinity;

/** What holds up who gives up: the gates, or else the calls before it, and so what holds up the first. */
function heldUp(policy: BasePolicy, line: Line, { cost, holder }: Wait): RejectedError {
  const peek = policy.peek({ cost, holder });
  return policy.refused(peek instanceof Rejection ? peek : line.held!);
}

/** A permit for a caller who aborted meanwhile is given back: the call never began. */
async function givenUp(permit: Permit, signal: AbortSignal): Promise<never> {
  await permit.cancel();
  throw signal.reason;
}
