/** Steps that are asked for at once each get their own answer, although the engine has one slot for the last. */
import assert from 'node:assert/strict';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';

import { Store } from 'stanchion/store';

test('calls that are asked for at once get permits of their own', async (t) => {
  const folder = mkdtempSync(join(tmpdir(), 'stanchion-at-once-'));
  t.after(() => rmSync(folder, { recursive: true }));
  const key = Store.open(join(folder, 'state')).key({ name: 'api', bulkhead: { max_concurrent: 3 } }, 'api');
  const answers = await Promise.all([1, 2, 3, 4].map(() => key.acquire()));
  assert.deepEqual(answers.map(({ admitted }) => admitted), [true, true, true, false]);
  assert.deepEqual(answers.map(({ sequence }) => sequence), [1, 2, 3, 3]);
  const permits = answers.slice(0, 3).map(({ permit }) => permit);
  assert.equal(new Set(permits.map(String)).size, 3);
  const settled = await Promise.all(permits.map((permit) => key.settle(permit, { outcome: 'success' })));
  assert.deepEqual(settled.map(({ sequence }) => sequence), [4, 5, 6]);
  assert.equal(JSON.parse(key.explain()).bulkhead.in_flight, 0);
});
