// The packed package in Deno and Bun, as their registry packages have them.
import assert from 'node:assert/strict';
import { join } from 'node:path';
import test from 'node:test';

import { BUN, DENO, FACTS, USING, said, withAddon } from './support.mjs';

for (const [name, command] of Object.entries({ deno: DENO, bun: BUN })) {
  test(`${name} decides`, async () => {
    assert.deepEqual(await said(withAddon, ...command, 'say.mjs'), FACTS);
  });

  test(`${name} tells a refused connection from a name that is unknown`, async () => {
    assert.deepEqual(await said(withAddon, ...command, 'unreachable.mjs'), ['ignored', 'success']);
  });

  test(`${name} gives back what \`using\` holds`, async () => {
    assert.deepEqual(await said(withAddon, ...command, 'using.mjs'), USING);
  });

  test(`${name} opens the store`, async () => {
    const path = join(withAddon, `${name}.state`);
    assert.deepEqual(await said(withAddon, ...command, 'open-store.mjs', path), { answer: 'called' });
  });
}
