// Replays the vectors in one worker of workerd. Arguments: see `main` in runner.mjs.
import { mkdtempSync, readdirSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

import { main } from './runner.mjs';
import { bundle } from './support/bundle.mjs';
import { startWorkerd } from './support/workerd.mjs';

async function inWorkerd(files) {
  const folder = mkdtempSync(join(tmpdir(), 'stanchion-worker-'));
  await bundle(fileURLToPath(new URL('worker.mjs', import.meta.url)), folder, ['workerd'], [], '[hash]');
  const modules = readdirSync(folder).filter((name) => name.endsWith('.wasm'));
  // Of a time before workers had a `FinalizationRegistry`.
  const server = await startWorkerd(folder, { modules: ['worker.js', ...modules], compatibilityDate: '2024-09-01' });
  try {
    const answer = await fetch(server.url, { method: 'POST', body: JSON.stringify(files) });
    if (!answer.ok) throw new Error(`the worker answered ${answer.status}: ${await answer.text()}`);
    return await answer.json();
  } finally {
    await server.stop();
    rmSync(folder, { recursive: true });
  }
}

await main(inWorkerd, process.argv.slice(2));
