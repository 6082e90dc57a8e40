/**
 * The judge: a pure function over what the upstream received and what the hosts told it, in the order of the store's write
 * sequence. It shares no code with the engine: every law is checked by a model of its own, as plain as can be, and never by
 * when something happened to arrive.
 *
 * What a killed process did last may be missing. Each write that nobody told of is a gap in the sequence: the models give up
 * what they cannot know, and how many gaps there may be is itself a law.
 */
import { Bucket } from './judge/bucket.mjs';
import { Circuit } from './judge/circuit.mjs';
import { readPermit } from './judge/permit.mjs';

/** The laws, in the order of the table. */
export const LAWS = ['limit', 'concurrency', 'open', 'probe', 'retry_after', 'leak', 'permit', 'store'];

const TAKES = new Set(['call', 'held']);
const ENDS = new Set(['settled', 'cancelled']);
const STEPS = new Set([...TAKES, ...ENDS, 'blocked', 'rejected']);

/**
 * @param policy the policy's JSON, with all defaults
 * @param lines the lines of `run.jsonl`, in any order
 * @param final what the store says when all has ended: `{sequence, explain}`
 * @param killed the processes that were killed: `{host, pid, may_miss}`
 * @returns for each law: `{law, allowed, observed, breaches}`
 */
export function judge({ policy, lines, final, killed }) {
  const court = new Court(policy, lines, killed);
  for (const step of court.inOrder(final)) court.hear(step);
  court.close(final);
  return court.verdict();
}

class Court {
  constructor(policy, lines, killed) {
    this.policy = policy;
    this.killed = new Set(killed.map(who));
    this.mayMiss = killed.reduce((sum, process) => sum + process.may_miss, 0);
    this.breaches = [];
    this.missing = 0;
    this.gaps = 0;
    this.sequence = 0;
    this.t = 0;
    this.permits = new Map();
    this.live = new Map();
    this.mostLive = 0;
    this.leaked = 0;
    this.blockedUntilUs = 0;
    this.circuit = new Circuit(policy.circuit);
    this.buckets = policy.limits.map((limit) => new Bucket(limit));
    this.file(lines);
  }

  /** Sorts the lines by what they are about. */
  file(lines) {
    this.steps = lines.filter((line) => STEPS.has(line.kind) && Number.isSafeInteger(line.sequence) && line.sequence > 0);
    this.ends = new Map(this.steps.filter((line) => ENDS.has(line.kind)).map((line) => [line.permit, line]));
    this.blocks = new Map(lines.filter((line) => line.kind === 'blocked').map((line) => [line.permit, line]));
    this.answers = new Map(lines.filter((line) => line.kind === 'answer').map((line) => [line.permit, line]));
    const taken = new Set(this.steps.filter((line) => TAKES.has(line.kind)).map((line) => line.permit));
    // A request that got no answer may never have arrived; its permit was taken all the same.
    for (const end of this.ends.values()) {
      if (taken.has(end.permit) || end.status !== 0) continue;
      this.steps.push({ ...end, kind: 'held', sequence: end.acquired_sequence, at_us: end.acquired_at_us, changed: true, events: [] });
    }
  }

  breach(law, text) {
    this.breaches.push({ law, text });
  }

  /** Sorts by write sequence, and checks that no write is told twice and few are missing. */
  inOrder(final) {
    const told = new Map();
    for (const step of this.steps.filter(writes)) {
      const other = told.get(step.sequence);
      if (other) this.breach('permit', `write ${step.sequence} was told by ${other.host} (${other.kind}) and by ${step.host} (${step.kind})`);
      else told.set(step.sequence, step);
    }
    for (let sequence = 1; sequence <= final.sequence; sequence += 1) this.missing += told.has(sequence) ? 0 : 1;
    if (this.missing > this.mayMiss) {
      this.breach('store', `${this.missing} of ${final.sequence} writes were told by nobody; killed processes explain ${this.mayMiss}`);
    }
    const beyond = [...told.keys()].filter((sequence) => sequence > final.sequence);
    if (beyond.length > 0) this.breach('store', `writes ${beyond.join(', ')} were told, but the store is at ${final.sequence}`);
    // What a write did comes before what only looked at it.
    return [...this.steps].sort((a, b) => a.sequence - b.sequence || Number(writes(b)) - Number(writes(a)));
  }

  hear(step) {
    if (writes(step) && step.sequence > this.sequence + 1) {
      this.gaps += step.sequence - this.sequence - 1;
      this.circuit.doubt();
    }
    this.sequence = Math.max(this.sequence, step.sequence);
    const told = step.events ?? [];
    if (told.includes('clock_stepped')) this.breach('store', `${named(step)} told that the clock was set back: this run cannot be judged`);
    this.fault(step, this.circuit.halfOpens(told));
    if (TAKES.has(step.kind)) return this.take(step);
    this.t = Math.max(this.t, step.at_us);
    if (ENDS.has(step.kind)) this.end(step, told);
    if (step.kind === 'blocked') this.blockedUntilUs = Math.max(this.blockedUntilUs, step.until_us);
  }

  fault(step, fault) {
    if (fault) this.breach(fault.law, `${named(step)} ${fault.text}`);
  }

  take(step) {
    const known = this.permits.get(step.permit);
    if (known) return this.breach('permit', `${named(step)} used permit ${step.permit} again, which was ${named(known)}'s`);
    const { atUs, cost } = readPermit(step.permit, step.at_us);
    this.permits.set(step.permit, step);
    if (atUs < this.t - CLOCK_SLACK_US) this.breach('permit', `${named(step)} has a permit from before the write ahead of it`);
    this.t = Math.max(this.t, atUs);
    if (this.ends.get(step.permit)?.kind !== 'cancelled') this.limits(step, atUs, cost);
    this.concurrency(step, atUs);
    if (atUs < this.blockedUntilUs) {
      const early = Math.ceil((this.blockedUntilUs - atUs) / 1000);
      this.breach('retry_after', `${named(step)} was admitted ${early} ms before the server's Retry-After had passed`);
    }
    this.fault(step, this.circuit.admit(step.permit, atUs));
  }

  limits(step, atUs, cost) {
    for (const bucket of this.buckets) {
      const over = bucket.take(atUs, cost);
      if (over > 0) this.breach('limit', `${named(step)} took ${over.toFixed(3)} more of \`${bucket.name}\` than there was`);
    }
  }

  /** A permit is live from its write to that of its end, or to the end of its lease. */
  concurrency(step, atUs) {
    for (const [permit, { endUs }] of this.live) if (endUs <= atUs) this.live.delete(permit);
    const isOrphan = this.killed.has(who(step)) && !this.ends.has(step.permit);
    this.live.set(step.permit, { endUs: atUs + this.policy.bulkhead.lease_ms * 1000, isOrphan });
    // A killed process may have given slots back without telling: at most as many as writes are missing.
    const orphans = [...this.live.values()].filter((slot) => slot.isOrphan).length;
    const live = this.live.size - Math.min(orphans, this.gaps);
    this.mostLive = Math.max(this.mostLive, live);
    if (live > this.policy.bulkhead.max_concurrent) this.breach('concurrency', `${named(step)} was number ${live} at once`);
  }

  end(step, told) {
    const permit = this.permits.get(step.permit);
    if (!permit) return this.breach('permit', `${named(step)} gave back permit ${step.permit}, which nobody was seen to use`);
    if (permit.isEnded) return this.breach('permit', `${named(step)} gave permit ${step.permit} back again`);
    permit.isEnded = true;
    this.live.delete(step.permit);
    if (step.kind === 'cancelled') return this.circuit.cancel(step.permit);
    const { permit: text, outcome, answer } = step;
    this.fault(step, this.circuit.result({ permit: text, outcome, answer, told, atUs: this.t }));
    if (step.status === 429) this.throttled(step);
  }

  /** Who was told to wait must have blocked everybody for so long. */
  throttled(step) {
    const answer = this.answers.get(step.permit);
    if (!answer?.retry_after_s || this.killed.has(who(step))) return;
    const mostMs = this.policy.block.max_block_ms;
    const dueUs = answer.at_us + Math.min(answer.retry_after_s * 1000, mostMs) * 1000;
    const block = this.blocks.get(step.permit);
    if (block?.until_us >= dueUs - CLOCK_SLACK_US) return;
    this.breach('retry_after', `${named(step)} was told to wait ${answer.retry_after_s} s and blocked for ${block ? 'less' : 'nothing'}`);
    this.blockedUntilUs = Math.max(this.blockedUntilUs, dueUs);
  }

  /** What must hold in the end, and what the store says of it. */
  close({ sequence, explain }) {
    const leaked = [...this.permits.values()].filter((permit) => !permit.isEnded && !this.killed.has(who(permit)));
    this.leaked = leaked.length;
    for (const permit of leaked) this.breach('leak', `${named(permit)} never gave its permit back`);
    const held = explain.bulkhead.in_flight;
    if (held !== 0) this.breach('leak', `the store still holds ${held} slots when all has ended`);
    if (sequence < this.sequence) this.breach('store', `the store is at write ${sequence}, told was ${this.sequence}`);
    if (!this.circuit.canBe(explain.circuit.phase, explain.at_us)) {
      this.breach('store', `the store's circuit is ${explain.circuit.phase}, by what was told it is ${this.circuit.phase}`);
    }
    explain.limits.forEach((limit, i) => this.level(limit, this.buckets[i].levelAt(explain.at_us)));
  }

  level({ name, tokens, token_thousandths: thousandths }, most) {
    const stored = tokens + thousandths / 1000;
    // The store rounds down, so it never says more than there is.
    if (stored > most) this.breach('store', `the store has ${stored} of \`${name}\`, by what was told at most ${most.toFixed(3)} are left`);
  }

  verdict() {
    const { circuit, bulkhead } = this.policy;
    const count = (law) => this.breaches.filter((breach) => breach.law === law).length;
    const calls = `${this.permits.size} calls`;
    const unjudged = this.circuit.unjudged > 0 ? `, ${this.circuit.unjudged} unjudged after a lost write` : '';
    const orphans = [...this.permits.values()].filter((permit) => !permit.isEnded).length - this.leaked;
    const most = Math.max(...this.buckets.map((bucket) => bucket.mostPercent), 0);
    const rows = {
      limit: ['100 % of a bucket out at any instant', `${most.toFixed(1)} % at most`],
      concurrency: [`${bulkhead.max_concurrent} at once`, `${this.mostLive} at most`],
      open: ['no call before the open time is over', `${count('open')} of ${calls}${unjudged}`],
      probe: [`${circuit.half_open_permits} probes at once, ${circuit.half_open_calls} in all`, `${this.circuit.mostProbes} at most, ${count('probe')} over`],
      retry_after: ['no call before Retry-After has passed', `${count('retry_after')} of ${calls}`],
      leak: ['every permit given back', `${this.leaked} kept${orphans > 0 ? `, ${orphans} came back by lease` : ''}`],
      permit: ['each used once and given back once', `${count('permit')} of ${calls}`],
      store: [`at most ${this.mayMiss} writes untold, record agrees`, `${this.missing} of ${this.sequence} untold`],
    };
    return LAWS.map((law) => {
      const [allowed, observed] = rows[law];
      return { law, allowed, observed, breaches: this.breaches.filter((breach) => breach.law === law).map(({ text }) => text) };
    });
  }
}

/** Clocks that are read in whole milliseconds are up to one behind. */
const CLOCK_SLACK_US = 1000;

function writes(step) {
  return step.changed !== false;
}

function who({ host, pid }) {
  return `${host}/${pid}`;
}

function named({ host, sequence }) {
  return `${host} at write ${sequence}`;
}
