/** The demo on real processes: a clean run passes, and with each law broken on purpose it fails and names that law. */
import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { before, describe, it, after } from 'node:test';
import { fileURLToPath } from 'node:url';

import { LAWS } from '../judge.mjs';

const RUN = fileURLToPath(new URL('../run.mjs', import.meta.url));
const SECONDS = 10;
let folder;
before(() => (folder = mkdtempSync(join(tmpdir(), 'stanchion-demo-'))));
after(() => rmSync(folder, { recursive: true }));

/** Runs the demo to its end. */
function demo(name, more = {}) {
  const env = { ...process.env, DEMO_SECONDS: String(SECONDS), DEMO_OUT: join(folder, name), DEMO_BREAK: '', ...more };
  return new Promise((resolve) => {
    execFile(process.execPath, [RUN], { env, timeout: 120_000 }, (error, stdout, stderr) => {
      resolve({ status: error === null ? 0 : error.code, stdout, stderr });
    });
  });
}

/** Most of a run is waiting, so several go on at once. */
describe('the demo', { concurrency: 4 }, () => {
  it('passes when every host obeys', async () => {
    const { status, stdout, stderr } = await demo('clean');
    assert.equal(status, 0, stdout + stderr);
    assert.match(stdout, /All laws held/);
    assert.match(stdout, /go was killed \(SIGKILL\) holding/);
    const kinds = lines('clean').map((line) => line.kind);
    for (const kind of ['run', 'phase', 'started', 'call', 'answer', 'settled', 'rejected', 'killed', 'final', 'verdicts']) {
      assert.ok(kinds.includes(kind), `no line of kind ${kind}`);
    }
    const page = readFileSync(join(folder, 'clean', 'run.html'), 'utf8');
    assert.ok(page.includes('all 8 held') && stdout.includes(join(folder, 'clean', 'run.html')), 'the page is written, and told');
    const hosts = new Set(lines('clean').filter((line) => line.kind === 'call').map((line) => line.host));
    assert.deepEqual([...hosts].sort(), ['c', 'go', 'node', 'wasm']);
  });

  for (const law of LAWS) {
    it(`fails when \`${law}\` is broken`, async () => {
      const { status, stdout, stderr } = await demo(law, { DEMO_BREAK: law });
      assert.equal(status, 1, stdout + stderr);
      assert.match(stdout, new RegExp(`^${law} .* BROKEN$`, 'm'), stdout);
      assert.match(stdout, new RegExp(`^breach of ${law}: `, 'm'), stdout);
      const { verdicts } = lines(law).find((line) => line.kind === 'verdicts');
      assert.ok(verdicts.find((verdict) => verdict.law === law).breaches.length > 0);
    });
  }

  it('refuses settings that mean nothing', async () => {
    const { status, stderr } = await demo('settings', { DEMO_SECONDS: 'soon' });
    assert.equal(status, 1);
    assert.match(stderr, /`DEMO_SECONDS` is soon: 6 to 3600 are allowed/);
  });
});

function lines(name) {
  return readFileSync(join(folder, name, 'run.jsonl'), 'utf8').trimEnd().split('\n').map((line) => JSON.parse(line));
}
