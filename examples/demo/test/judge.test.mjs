/** Each law of the judge both ways: a history that keeps it, and the nearest that breaks it. */
import assert from 'node:assert/strict';
import { test } from 'node:test';

import { judge, LAWS } from '../judge.mjs';
import { readPermit, writePermit } from '../judge/permit.mjs';

const policy = {
  circuit: { consecutive_failures: 2, open_ms: 1000, half_open_permits: 1, half_open_calls: 2, probe_lease_ms: 500 },
  limits: [
    { name: 'calls', capacity: 10, refill_tokens: 10, refill_interval_ms: 1000, charge: 'call' },
    { name: 'tokens', capacity: 8, refill_tokens: 4, refill_interval_ms: 1000, charge: 'cost' },
  ],
  block: { max_block_ms: 10000 },
  bulkhead: { max_concurrent: 2, lease_ms: 500 },
};
const START_US = 1_795_000_000_000_000;

/** A history is told in ms from its start; each write has the next sequence. */
class History {
  constructor() {
    Object.assign(this, { lines: [], killed: [], sequence: 0, permits: 0 });
  }

  tell(kind, ms, more) {
    this.sequence += 1;
    const line = { kind, host: 'a', pid: 1, at_us: START_US + ms * 1000, sequence: this.sequence, changed: true, events: [], ...more };
    this.lines.push(line);
    return this;
  }

  call(name, ms, { cost = 0, ...more } = {}) {
    this.permits += 1;
    this[name] = writePermit({ atUs: START_US + ms * 1000, cost, leaseId: this.permits });
    return this.tell('call', ms, { permit: this[name], cost, ...more });
  }

  settle(name, ms, outcome = 'success', more = {}) {
    return this.tell('settled', ms, { permit: this[name], outcome, status: 200, answer: 'counted', ...more });
  }

  lose(process = { host: 'b', pid: 2, may_miss: 1 }) {
    this.sequence += 1;
    this.killed.push(process);
    return this;
  }

  /** The laws that it breaks, where the store says so in the end. */
  broken({ ms = 100_000, inFlight = 0, phase = 'closed', tokens = [10, 8], sequence = this.sequence } = {}) {
    const limits = tokens.map((count, i) => ({ name: policy.limits[i].name, tokens: count, token_thousandths: 0 }));
    const explain = { at_us: START_US + ms * 1000, circuit: { phase }, bulkhead: { in_flight: inFlight }, limits };
    const verdicts = judge({ policy, lines: this.lines, final: { sequence, explain }, killed: this.killed });
    assert.deepEqual(verdicts.map(({ law }) => law), LAWS);
    return verdicts.filter(({ breaches }) => breaches.length > 0).map(({ law }) => law);
  }
}

/** Two failures open the circuit at 20 ms. */
const opened = () =>
  new History().call('a1', 0).settle('a1', 10, 'failure').call('a2', 10).settle('a2', 20, 'failure', { events: ['opened'] });

const cases = {
  'nothing happened': [new History(), []],
  'limit: all that there is': [new History().call('a1', 0, { cost: 8 }).settle('a1', 1), []],
  'limit: one token more': [new History().call('a1', 0, { cost: 9 }).settle('a1', 1), ['limit']],
  'limit: what has refilled': [new History().call('a1', 0, { cost: 8 }).settle('a1', 1).call('a2', 250, { cost: 1 }).settle('a2', 251), []],
  'limit: a millisecond before it has refilled': [
    new History().call('a1', 0, { cost: 8 }).settle('a1', 1).call('a2', 249, { cost: 1 }).settle('a2', 251),
    ['limit'],
  ],
  'limit: what was given back': [
    new History().call('a1', 0, { cost: 8 }).tell('cancelled', 1, {}).call('a2', 2, { cost: 8 }).settle('a2', 3),
    [],
    (history) => (history.lines[1].permit = history.a1),
  ],
  'concurrency: all slots': [new History().call('a1', 0).call('a2', 1).settle('a1', 2).settle('a2', 3), []],
  'concurrency: one more': [new History().call('a1', 0).call('a2', 1).call('a3', 2).settle('a1', 3).settle('a2', 4).settle('a3', 5), ['concurrency']],
  'concurrency: a slot whose lease has ended': [
    new History().call('a1', 0).call('a2', 1).call('a3', 500).settle('a1', 510, 'success', { answer: 'lease_lost' }).settle('a2', 511).settle('a3', 512),
    [],
  ],
  'concurrency: a slot just before its lease ends': [
    new History().call('a1', 0).call('a2', 1).call('a3', 499).settle('a1', 510).settle('a2', 511).settle('a3', 512),
    ['concurrency'],
  ],
  'open: at its end': [opened().call('a3', 1020, { events: ['half_opened'] }).settle('a3', 1030), [], null, { phase: 'half_open' }],
  'open: a millisecond before its end': [opened().call('a3', 1019).settle('a3', 1030, 'ignored'), ['open'], null, { phase: 'half_open' }],
  'open: a result from before counts for nothing': [
    opened().call('a3', 1020, { events: ['half_opened'] }).settle('a3', 1030).call('a4', 1040).settle('a4', 1050, 'success', { events: ['closed'] }),
    [],
  ],
  'probe: one after the other': [
    opened().call('a3', 1020, { events: ['half_opened'] }).settle('a3', 1030, 'ignored').call('a4', 1040).settle('a4', 1050, 'ignored'),
    [],
    null,
    { phase: 'half_open' },
  ],
  'probe: two at once': [
    opened().call('a3', 1020, { events: ['half_opened'] }).call('a4', 1021).settle('a3', 1030, 'ignored').settle('a4', 1050, 'ignored'),
    ['probe'],
    null,
    { phase: 'half_open' },
  ],
  'probe: after the lease of the first': [
    opened().call('a3', 1020, { events: ['half_opened'] }).call('a4', 1520).settle('a3', 1530, 'failure', { answer: 'lease_lost' }).settle('a4', 1550, 'ignored'),
    [],
    null,
    { phase: 'half_open' },
  ],
  'probe: one that fails opens again': [
    opened().call('a3', 1020, { events: ['half_opened'] }).settle('a3', 1030, 'failure', { events: ['opened'] }).call('a4', 2029, {}).settle('a4', 2030),
    ['open'],
    null,
    { phase: 'half_open' },
  ],
  'retry_after: at its end': [new History().tell('blocked', 0, { permit: '', until_us: START_US + 2_000_000 }).call('a1', 2000).settle('a1', 2001), []],
  'retry_after: a millisecond early': [
    new History().tell('blocked', 0, { permit: '', until_us: START_US + 2_000_000 }).call('a1', 1999).settle('a1', 2001),
    ['retry_after'],
  ],
  'retry_after: told and blocked': [
    new History().call('a1', 0).settle('a1', 5, 'ignored', { status: 429 }).tell('blocked', 6, {}),
    [],
    (history) => answered(history, { until_us: START_US + 2_006_000 }),
  ],
  'retry_after: told and blocked for less': [
    new History().call('a1', 0).settle('a1', 5, 'ignored', { status: 429 }).tell('blocked', 6, {}),
    ['retry_after'],
    (history) => answered(history, { until_us: START_US + 1_006_000 }),
  ],
  'retry_after: told, and nobody blocked': [
    new History().call('a1', 0).settle('a1', 5, 'ignored', { status: 429 }),
    ['retry_after'],
    (history) => answered(history),
  ],
  'leak: never given back': [new History().call('a1', 0), ['leak']],
  'leak: the store holds a slot': [new History().call('a1', 0).settle('a1', 1), ['leak'], null, { inFlight: 1 }],
  'leak: what a killed process held came back by lease': [
    new History().call('a1', 0),
    [],
    (history) => history.killed.push({ host: 'a', pid: 1, may_miss: 1 }),
  ],
  'permit: used twice': [
    new History().call('a1', 0).settle('a1', 1),
    ['permit'],
    (history) => history.lines.push({ ...history.lines[0], sequence: 3 }),
    { sequence: 3 },
  ],
  'permit: given back twice': [new History().call('a1', 0).settle('a1', 1).settle('a1', 2), ['permit']],
  'permit: unknown': [new History().tell('settled', 1, { permit: '0'.repeat(32), outcome: 'success', status: 200, answer: 'stale' }), ['permit']],
  'permit: of a request that never arrived': [
    new History().call('a1', 0).settle('a1', 1000, 'failure', { status: 0 }),
    [],
    (history) => {
      const [{ at_us: acquired_at_us }] = history.lines.splice(0, 1);
      Object.assign(history.lines[0], { acquired_sequence: 1, acquired_at_us });
    },
  ],
  'permit: a write of two': [
    new History().call('a1', 0).call('a2', 0).settle('a1', 1).settle('a2', 2),
    ['permit', 'store'],
    (history) => (history.lines[1].sequence = 1),
  ],
  'permit: older than the write before': [new History().call('a1', 100).settle('a1', 101).call('a2', 50).settle('a2', 102), ['permit']],
  'store: a write that nobody told': [new History().call('a1', 0).lose({ host: 'b', pid: 2, may_miss: 0 }).settle('a1', 1), ['store']],
  'store: a write that a killed process may have made': [new History().call('a1', 0).lose().settle('a1', 1), []],
  'store: a write that the store does not know': [new History().call('a1', 0).settle('a1', 1), ['store'], null, { sequence: 1 }],
  'store: another phase': [new History().call('a1', 0).settle('a1', 1), ['store'], null, { phase: 'open' }],
  'store: more tokens than are left': [new History().call('a1', 0, { cost: 8 }).settle('a1', 1), ['store'], null, { ms: 1000, tokens: [10, 5] }],
  'store: the tokens that are left': [new History().call('a1', 0, { cost: 8 }).settle('a1', 1), [], null, { ms: 1000, tokens: [10, 4] }],
  'store: an edge that nothing led to': [new History().call('a1', 0).settle('a1', 1, 'failure', { events: ['opened'] }), ['store'], null, { phase: 'half_open' }],
  'store: no edge where one is due': [
    new History().call('a1', 0).settle('a1', 10, 'failure').call('a2', 10).settle('a2', 20, 'failure'),
    ['store'],
    null,
    { phase: 'closed' },
  ],
  'store: a half-opening that was not due': [new History().call('a1', 0, { events: ['half_opened'] }).settle('a1', 1), ['store']],
  'store: after a lost write an edge may be unexpected': [
    new History().call('a1', 0).lose().settle('a1', 1, 'failure', { events: ['opened'] }),
    [],
    null,
    { phase: 'half_open' },
  ],
  'store: a clock that was set back': [new History().call('a1', 0, { events: ['clock_stepped'] }).settle('a1', 1), ['store']],
};

/** The upstream answered the call with 429 at 4 ms, and the host told a block, where it did. */
function answered(history, block) {
  history.lines.push({ kind: 'answer', host: 'a', pid: 1, permit: history.a1, status: 429, at_us: START_US + 4000, retry_after_s: 2 });
  if (block) Object.assign(history.lines[2], { permit: history.a1, ...block });
}

for (const [name, [history, broken, prepare, final]] of Object.entries(cases)) {
  test(name, () => {
    prepare?.(history);
    assert.deepEqual(history.broken(final), broken);
  });
}

test('each law is broken by some case, and kept by some', () => {
  const broken = new Set(Object.values(cases).flatMap(([, laws]) => laws));
  assert.deepEqual([...broken].sort(), [...LAWS].sort());
});

test('a permit is read as it was written', () => {
  const fields = { atUs: START_US, generation: 70_000, cost: 4_000_000_000, leaseId: 16_000_000 };
  assert.deepEqual(readPermit(writePermit(fields), START_US + 5_000_000), fields);
});
