/**
 * Polls the mail of fifty users for an hour of simulated time, with real requests; plays what else may go wrong; and prints what
 * happened. It ends with an error where anything is otherwise. `make -C examples s1-poller`
 */
import assert from 'node:assert/strict';
import { mkdtempSync, rmSync } from 'node:fs';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

import type { Policy } from 'stanchion';
import { Store } from 'stanchion/store';

import { healthServer } from './health.js';
import { CANCELLED, type Hour, live } from './hour.js';
import { BAD_ITEM, FORGETFUL, MINUTE, USERS } from './mail-server.js';
import { clockStep, hungProbe, lateFailure } from './probe.js';
import { breakStore, crashing, stable } from './restarts.js';

const folder = mkdtempSync(join(tmpdir(), 'stanchion-s1-'));
process.on('exit', () => rmSync(folder, { recursive: true }));
const path = join(folder, 'restarts.state');

console.log('A worker polls 50 mailboxes once a minute, for an hour of a simulated clock: real requests to a real server.\n');
const hour = await live(join(folder, 'inbox'));
for (const line of [row, attempts, statuses, cancelled, badItem, seenBefore, passersBy]) console.log(await line(hour));
console.log(`\n${await hungProbe()}\n${await lateFailure()}\n${await clockStep()}`);

const store = Store.open(path);
const { said, restarts } = await crashing(store);
console.log(`\n${said}\n${await stable(store)}\n`);
console.log(await healthOverHttp(hour, restarts));
hour.server.close();

/** The instants of a user's requests, in minutes since the beginning. */
function minutesOf({ server, startMs }: Hour, user: string): number[] {
  return server.asked.filter((asked) => asked.user === user).map(({ atMs }) => (atMs - startMs) / MINUTE);
}

/** The row of "Figures to beat". */
function row(hour: Hour): string {
  const lines = ['user-07', 'user-23'].map((user) => {
    const minutes = minutesOf(hour, user);
    assert.equal(minutes.length, 7, `${user}: ${minutes.join(' ')}`);
    return `${user} ${minutes.map((minute) => (Math.floor(minute * 10) / 10).toFixed(1)).join(' ')}`;
  });
  return `Two users fail for ever: user-07 answers 500, user-23 never. 7 attempts each, at the minutes\n  ${lines.join('\n  ')}`;
}

/** One user's trouble is no other's. */
function attempts(hour: Hour): string {
  const troubled = ['user-07', 'user-08', 'user-09', 'user-15', 'user-18', 'user-23', CANCELLED];
  const well = USERS.filter((user) => !troubled.includes(user));
  for (const user of well) assert.equal(minutesOf(hour, user).length, 60, user);
  assert.deepEqual([...new Set(hour.opened)].sort(), ['user-07', 'user-18', 'user-23']);
  assert.equal(hour.opened.filter((user) => user === 'user-18').length, 3);
  return `Each of ${well.length} others is asked 60 times. Of 50 circuits three opened: theirs, and three times that of user-18.`;
}

/** What statuses mean, and Retry-After. */
function statuses(hour: Hour): string {
  const gone = hour.ended.filter(({ user }) => user === 'user-05');
  assert.ok(gone.length === 60 && gone.every(({ outcome }) => outcome === 'success'));
  const blocked = minutesOf(hour, 'user-08');
  const first = blocked.find((minute) => minute >= 10)!;
  const next = blocked.find((minute) => minute > first)!;
  assert.ok(next >= first + 10 && next < first + 11.1, `${first} ${next}`);
  for (const [user, fails] of [['user-09', 10], ['user-15', 20]] as const) {
    const [failed, again] = minutesOf(hour, user).filter((minute) => minute >= fails) as [number, number];
    assert.ok(again - failed < 0.1, `${user} is asked again within 6 s: ${failed} ${again}`);
  }
  return [
    'user-05 is not there (404): that is an answer, never asked for twice, and its circuit stays closed.',
    `user-08 answers 429 with Retry-After: 600 at minute ${first.toFixed(1)}, and is asked again at ${next.toFixed(1)}.`,
    'user-09 answers 503 with "Retry-After: 0x10", which says nothing; user-15 breaks off. Both are asked again at once, and answer.',
  ].join('\n');
}

/** Who gave up wants no second try, and the mailbox is not to blame. */
function cancelled({ ended, server, startMs }: Hour): string {
  const isLate = ({ user, atMs }: { readonly user: string; readonly atMs: number }): boolean =>
    user === CANCELLED && atMs >= startMs + 30 * MINUTE;
  assert.deepEqual(server.asked.filter(isLate).map(({ answer }) => answer), ['hangs'], 'once');
  assert.deepEqual(ended.filter(isLate).map(({ outcome }) => outcome), ['ignored']);
  return `${CANCELLED} is cancelled while its server lets it wait: the call counts as ignored, and is not made again.`;
}

/** Of those behind it none is held up, and it is not lost either. */
async function badItem({ desk, inbox, poller }: Hour): Promise<string> {
  const mine = desk.delivered.filter((id) => id.startsWith('user-31-'));
  assert.deepEqual(mine, [1, 3, 4, 5, 6].map((number) => `user-31-item-${number}`));
  assert.equal(desk.tried.filter((id) => id === BAD_ITEM).length, 3);
  const dead = await inbox.deadLetters();
  assert.deepEqual(dead.map(({ id, why }) => [id, why]), [[BAD_ITEM, 'attempts']]);
  assert.equal(poller.mailboxes.of('user-31').explain().circuit?.phase, 'closed', 'a TypeError is no network error');
  return `An item of user-31 cannot be read. After ${dead[0]!.attempts} attempts it is a dead letter; the ${mine.length} around it are delivered.`;
}

/** What was taken from a mailbox is delivered, and once. */
function seenBefore({ desk, server, duplicates }: Hour): string {
  const again = [1, 2, 3, 4, 5, 6].map((number) => `${FORGETFUL}-item-${number}`);
  assert.deepEqual(duplicates, again);
  assert.deepEqual([...desk.delivered, BAD_ITEM].sort(), [...server.taken].sort());
  assert.equal(desk.delivered.length, 47 * 6 - 3 - 1, 'three mailboxes are never read, one is not after half an hour');
  return `${FORGETFUL} shows each of its ${again.length} items twice. Of all users ${desk.delivered.length} items are delivered, each once.`;
}

/** Of 2,050 keys at most 100 are kept: never is it an open circuit that goes. */
function passersBy({ phaseOf }: Hour): string {
  assert.deepEqual([phaseOf['user-07'], phaseOf['user-23']], ['open', 'open']);
  return 'At minute 45, 2,000 users come by once. At most 100 are remembered, and the two circuits are still open.';
}

/** What an orchestrator is told. */
async function healthOverHttp(hour: Hour, restarts: Policy): Promise<string> {
  const part = (user: string): Policy => hour.poller.mailboxes.of(user);
  const server = healthServer({ ...Object.fromEntries(USERS.map((user) => [user, part(user)])), importer: restarts });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const { port } = server.address() as AddressInfo;
  const get = async (probe: string): Promise<Told> => {
    const response = await fetch(`http://127.0.0.1:${port}/health/${probe}`);
    const { status, checks } = (await response.json()) as { status: string; checks: Record<string, [Check]> };
    return { status: response.status, says: status, of: (name) => checks[name]![0] };
  };
  try {
    return [await asItIs(get, restarts), await afterReset(get, restarts), await withoutStore(get)].join('\n');
  } finally {
    server.close();
  }
}

interface Check {
  readonly status: string;
  readonly reasons: readonly string[];
}
interface Told {
  readonly status: number;
  readonly says: string;
  of(name: string): Check;
}
type Get = (probe: string) => Promise<Told>;

async function asItIs(get: Get, restarts: Policy): Promise<string> {
  const [live, ready] = [await get('live'), await get('ready')];
  assert.deepEqual([live.status, live.says, ready.status, ready.says], [503, 'fail', 503, 'fail']);
  assert.deepEqual(live.of('importer'), { status: 'fail', reasons: ['gave_up'] });
  assert.deepEqual(ready.of('user-00'), { status: 'pass', reasons: [] });
  assert.deepEqual(ready.of('user-07'), { status: 'fail', reasons: ['success_too_old', 'circuit_open', 'flapping'] });
  assert.deepEqual(ready.of('user-18'), { status: 'fail', reasons: ['flapping'] });
  const lines = ['user-00', 'user-07', 'user-18'].map((name) => `  ${name}: ${shown(ready.of(name))}`);
  const said = `/health/live answers ${live.status}, because of ${restarts.name}: ${shown(live.of('importer'))}.`;
  return `${said} /health/ready answers ${ready.status}:\n${lines.join('\n')}`;
}

async function afterReset(get: Get, restarts: Policy): Promise<string> {
  await restarts.reset();
  const [live, ready] = [await get('live'), await get('ready')];
  assert.deepEqual([live.status, live.says, ready.status], [200, 'warn', 503]);
  return `After a reset of ${restarts.name} /health/live answers ${live.status}: no restart would mend the mailboxes.`;
}

async function withoutStore(get: Get): Promise<string> {
  breakStore(path);
  const ready = await get('ready');
  assert.deepEqual(ready.of('importer'), { status: 'warn', reasons: ['store_away'] });
  return `Then the file of the restarts breaks: ${shown(ready.of('importer'))}, and everything else is told as before.`;
}

function shown({ status, reasons }: Check): string {
  return `${status} ${reasons.join(', ')}`.trim().replaceAll('_', ' ');
}
