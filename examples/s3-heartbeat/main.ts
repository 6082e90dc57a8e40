/**
 * Lives through 17 hours of heartbeats, compares each beat with the formula, and prints what happened. It ends with an error where
 * anything is otherwise. `make -C examples s3-heartbeat`
 */
import assert from 'node:assert/strict';

import { type Answered, Fleet } from './fleet.js';
import { type Beat, type Life, beatsOf } from './formula.js';
import {
  AGENTS,
  ANSWERS_AFTER_MS,
  END_MS,
  FAILS_FROM_MS,
  FAILS_TO_MS,
  HOUR,
  MINUTE,
  ROLLOUTS_MS,
  SECOND,
  START_MS,
  WAKES,
  at,
  replyTo,
  settingsAt,
} from './story.js';

const fleet = new Fleet();
await fleet.live();

const beats = (agent: string, fromMs = START_MS, toMs = END_MS): number[] =>
  fleet.seen.filter((beat) => beat.agent === agent && beat.atMs >= fromMs && beat.atMs < toMs).map(({ atMs }) => atMs);
const answers = (agent: string, fromMs: number, toMs: number): Answered[] =>
  fleet.answered.filter((wake) => wake.agent === agent && wake.atMs >= fromMs && wake.atMs < toMs);
const clockTime = (ms: number): string => new Date(ms).toISOString().slice(11, 19);
const count = (some: readonly unknown[], what: string): string => `${some.length} ${what}${some.length === 1 ? '' : 's'}`;

everyBeatIsThatOfTheFormula();
console.log('Eight agents and their heartbeats on a simulated clock. The gateway works for 2 hours, fails for 12, and works again.\n');
console.log(table());
console.log(`\n${[calendar(), mailBefore(), mailAfter(), row(), digest(), billing(), triage(), research(), spread()].join('\n')}`);
console.log(`\nEach of the ${fleet.seen.length} beats came at the very millisecond of the formula.`);

/** What an agent lives through, in the formula's words. */
function lifeOf(agent: string): Life {
  return {
    key: agent,
    fromMs: START_MS,
    toMs: END_MS,
    changesMs: ROLLOUTS_MS,
    wakes: WAKES.filter((wake) => wake.agent === agent),
    rulesAt: (ms) => ({
      ...settingsAt(agent, ms),
      floodCount: 5,
      floodWindowMs: MINUTE,
      failuresBeforeBackoff: 5,
      longestWaitMs: 2 * HOUR,
      jitterPercent: 10n,
    }),
    meets: (beganMs) => {
      const reply = replyTo(agent, beganMs);
      if (reply === 'nothing to do') return { works: undefined };
      if (reply.status !== 429) return { works: reply.status === 200 };
      return { works: undefined, blockedToMs: beganMs + ANSWERS_AFTER_MS + Number(reply.retryAfter) * SECOND };
    },
  };
}

function everyBeatIsThatOfTheFormula(): void {
  for (const agent of AGENTS) {
    const expected: readonly Beat[] = beatsOf(lifeOf(agent));
    assert.deepEqual(beats(agent).map(clockTime), expected.map(({ atMs }) => clockTime(atMs)), agent);
    assert.deepEqual(beats(agent), expected.map(({ atMs }) => atMs), `${agent}, to the ms`);
  }
}

/** Beats by the hour. */
function table(): string {
  const hours = Array.from({ length: 17 }, (_, hour) => hour);
  const cell = (value: string | number, hour: number): string => ([2, 14].includes(hour) ? ' |' : '') + String(value).padStart(3);
  const line = (name: string, every: string, values: readonly (string | number)[]): string =>
    `${name.padEnd(10)}${every.padStart(6)}  ${values.map(cell).join('')}`;
  const rows = AGENTS.map((agent) => {
    const every = `${settingsAt(agent, START_MS).intervalMs / MINUTE} min`;
    return line(agent, every, hours.map((hour) => beats(agent, at(hour), at(hour + 1)).length));
  });
  return [line('beats', 'every', hours.map((hour) => String(hour).padStart(2, '0'))), ...rows].join('\n');
}

function calendar(): string {
  const told = beats('calendar', at(0, 20))[0]!;
  const next = beats('calendar', told + 1)[0]!;
  assert.equal(next, told + ANSWERS_AFTER_MS + 1200 * SECOND, 'the slot that was missed is made up for, once, when the block ends');
  assert.equal(beats('calendar', next, next + 30 * SECOND).length, 1);
  return `${clockTime(told)}  calendar is told to come again in 1,200 s: its next beat is at ${clockTime(next)}, and one, not four.`;
}

/** The flood guard would allow more: the spacing of 30 s holds first. */
function mailBefore(): string {
  const [fromMs, toMs] = [at(0, 30), at(0, 33)];
  const got = beats('inbox', fromMs, toMs);
  assert.ok(closest(got) >= 30 * SECOND);
  const held = answers('inbox', fromMs, toMs).filter(({ answer }) => answer.run === 'wait');
  assert.ok(held.every(({ answer }) => answer.run === 'wait' && answer.by === 'spacing'));
  return `00:30:00  mail arrives for inbox each second, for 3 minutes: ${count(got, 'beat')}, never less than 30 s apart.`;
}

/** With a spacing of 5 s it is the flood guard that holds. */
function mailAfter(): string {
  const [fromMs, toMs] = [at(1), at(1, 3)];
  const got = beats('inbox', fromMs, toMs);
  const most = Math.max(...got.map((from) => got.filter((ms) => ms >= from && ms < from + MINUTE).length));
  assert.equal(most, 5);
  assert.ok(closest(got) >= 5 * SECOND);
  const flooded = answers('inbox', fromMs, toMs).filter(({ answer }) => answer.run === 'wait' && answer.by === 'flood');
  assert.ok(flooded.length > 100);
  return `01:00:00  again, now that 00:45 set its spacing to 5 s: ${count(got, 'beat')}, and never more than ${most} in 60 s.`;
}

/** The row of "Figures to beat": a backoff that is never felt leaves all 24 beats. */
function row(): string {
  const life = lifeOf('audit');
  const never = { ...life, rulesAt: (ms: number) => ({ ...life.rulesAt(ms), failuresBeforeBackoff: Infinity }) };
  const without = beatsOf(never).filter(({ atMs }) => atMs >= FAILS_FROM_MS && atMs < FAILS_TO_MS);
  const failed = beats('audit', FAILS_FROM_MS, FAILS_TO_MS);
  assert.deepEqual([failed.length, without.length], [9, 24]);
  return (
    `02:00:00  the gateway fails for 12 h. audit, every 30 min, beats ${failed.length} times in it, as the formula says, and ` +
    `${without.length} times without\n          the backoff: ${failed.map((ms) => clockTime(ms).slice(0, 5)).join(' ')}.`
  );
}

/** What was learnt outlives the settings: a new start would try five times in 25 minutes. */
function triage(): string {
  const before = beats('triage', START_MS, at(6)).at(-1)!;
  const after = beats('triage', at(6), FAILS_TO_MS);
  assert.ok(after[0]! >= before + 2 * HOUR, 'the wait that had begun goes on');
  assert.ok(closest(after) >= 2 * HOUR, 'and so do the failures in a row');
  return (
    `06:00:00  triage is slowed from 1 min to 5 min, all agents are started anew, and none forgets: triage, which failed at\n` +
    `          ${clockTime(before)}, waits on until ${clockTime(after[0]!)}.`
  );
}

/** A manual wake goes past the backoff, and not past what the server said. */
function billing(): string {
  const [first, second] = answers('billing', at(4), at(5)) as [Answered, Answered];
  assert.equal(first.answer.run, 'go');
  assert.ok(beats('billing', at(4), at(4, 0, 1)).length === 1);
  assert.ok(second.answer.run === 'wait' && second.answer.by === 'block');
  assert.equal(second.answer.atMs, at(5, 30, 2));
  assert.equal(beats('billing', at(4, 0, 1))[0], second.answer.atMs, 'its own backoff was over before');
  return (
    `04:00:00  somebody wakes billing in the middle of its backoff: it goes, and the server wants no more for 5,400 s.\n` +
    `04:30:00  somebody wakes it again: it is told to wait for the block's end at ${clockTime(second.answer.atMs)}.`
  );
}

function research(): string {
  const [fails, works] = answers('research', START_MS, END_MS) as [Answered, Answered];
  assert.deepEqual([fails.answer.run, works.answer.run], ['go', 'go']);
  assert.deepEqual(beats('research', fails.atMs, fails.atMs + 1), [fails.atMs], 'at once, although it fails again');
  const since = beats('research', works.atMs).slice(1);
  const waits = since.slice(1).map((ms, index) => ms - since[index]!);
  assert.ok(waits.every((ms) => ms < 34 * MINUTE), 'one success ends the backoff');
  return (
    `08:10:00  somebody wakes research in the middle of its backoff: it goes, and fails.\n` +
    `14:20:00  somebody wakes research again: it works, its backoff is over, and ${count(since, 'beat')} follow before 17:00. audit,\n` +
    `          which nobody woke, beats again at ${clockTime(beats('audit', FAILS_TO_MS)[0]!)}.`
  );
}

/** A beat that was skipped counts as neither: five failures are five failures. */
function digest(): string {
  const during = beats('digest', FAILS_FROM_MS, at(3));
  const skipped = during.filter((ms) => replyTo('digest', ms) === 'nothing to do');
  const failedFirst = during.filter((ms) => ms < at(2, 10));
  assert.ok(skipped.length > 0 && failedFirst.length > 0);
  const failed = during.filter((ms) => !skipped.includes(ms)).slice(0, 5);
  const waits = beats('digest', failed[4]!).slice(0, 2);
  assert.ok(waits[1]! - waits[0]! >= 10 * MINUTE);
  assert.ok(closest(during.slice(0, during.indexOf(failed[4]!) + 1)) < 6 * MINUTE);
  return `02:10:00  digest has nothing to do in ${count(skipped, 'beat')}, which neither count among its failures in a row nor end them.`;
}

/** Without phases all eight would begin at the same instant each half hour. */
function spread(): string {
  const calm = fleet.seen.filter(({ atMs }) => atMs < at(0, 30)).map(({ atMs }) => atMs);
  const most = Math.max(...calm.map((from) => calm.filter((ms) => ms >= from && ms < from + SECOND).length));
  assert.ok(most <= 2, `${most} agents at once`);
  return `Never more than ${most} agents began within the same second, where without phases all eight would each half hour.`;
}

function closest(instants: readonly number[]): number {
  return Math.min(...instants.slice(1).map((ms, index) => ms - instants[index]!));
}
