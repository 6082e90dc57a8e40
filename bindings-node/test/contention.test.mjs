// A process that is stopped with the lock in its hands: the event loop goes on, and the thread of JavaScript asks once.
import assert from 'node:assert/strict';
import { execFileSync, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import test, { after } from 'node:test';
import { fileURLToPath } from 'node:url';

const support = (name) => fileURLToPath(new URL(`support/${name}`, import.meta.url));
const folder = mkdtempSync(join(tmpdir(), 'stanchion-'));
const path = join(folder, 'held.state');
const counter = join(folder, 'count-flock.so');
const holder = spawn(process.execPath, [support('holder.mjs'), path], { stdio: ['ignore', 'pipe', 'inherit'] });
after(() => {
  holder.kill('SIGKILL');
  rmSync(folder, { recursive: true });
});

/** Runs the waiter, and tells its answer and how often its first thread asked for a lock. */
async function wait(operation) {
  const env = { ...process.env, LD_PRELOAD: counter };
  const child = spawn(process.execPath, [support('waiter.mjs'), path, operation], { env, stdio: ['ignore', 'pipe', 'inherit', 'pipe'] });
  let [said, asked] = ['', ''];
  child.stdio[1].on('data', (chunk) => (said += chunk));
  child.stdio[3].on('data', (chunk) => (asked += chunk));
  const [status] = await once(child, 'close');
  assert.equal(status, 0);
  return { ...JSON.parse(said), asked: Number(asked) };
}

test('with a stopped lock holder', { skip: process.platform !== 'linux' && 'needs a preloaded library' }, async (t) => {
  execFileSync('gcc', ['-shared', '-fPIC', '-O1', '-Wall', '-Werror', '-o', counter, support('count-flock.c')]);
  await once(holder.stdout, 'data');
  holder.kill('SIGSTOP');
  for (const [operation, expected] of [
    ['acquire', { admitted: false, code: 'busy' }],
    ['transact', { code: 'busy' }],
  ]) {
    await t.test(`${operation} asks once on the thread of JavaScript, waits elsewhere, and says that it was busy`, async () => {
      const { answer, ticks, asked } = await wait(operation);
      assert.deepEqual(answer, expected);
      assert(ticks >= 10, `the timer of the event loop fired ${ticks} times in 300 ms`);
      assert.equal(asked, 1);
    });
  }
});
