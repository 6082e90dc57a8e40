// What the tests of the packed package share.
import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { existsSync, readFileSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';

import { text } from '../../../bindings-wasm/pkg/bytes.js';

const folder = process.env.STANCHION_PACKED;
if (folder === undefined) throw new Error('these tests want the packed package: run `npm run test:packed -w stanchion`');

/** The folders of a program that installed the package with the platform's addon, and without it. */
export const withAddon = join(folder, 'with-addon');
export const withoutAddon = join(folder, 'without-addon');
/** Where the package lies in them. */
export const installed = join(withAddon, 'node_modules/stanchion');
/** The packed package. */
export const tarball = join(folder, 'tarballs', readdirSync(join(folder, 'tarballs')).find((name) => /^stanchion-\d/.test(name)));
/** How the engine's bytes begin where they are text that downloads small. */
export const WASM = text.slice(0, 60);
/** What the programs say in every runtime. */
export const FACTS = {
  told: [['Error', 'failed'], ['Error', 'failed'], ['RejectedError', '`api` is held up by its circuit: retry after 30000 ms'], 'called'],
  refused: { by: { gate: 'circuit' }, retryAfterMs: 30_000 },
  error: { name: 'ConfigError', field: 'bulkhead.maxConcurrent', isOurs: true },
  fetched: { text: 'later', held: [1, 0], by: 'block' },
};

/** What `using` leaves behind: how many calls are in flight, how they were settled, and what a freed policy says. */
export const USING = { seen: [1, 0, 0, 0], told: ['ignored', 'success', 'ignored'], code: 'policy_freed' };

/** What a runtime that replayed the vectors must answer: no difference, and the digests that every other runner has. */
export function assertReplayed({ digests, differences }) {
  assert.deepEqual(differences, []);
  assert(digests.length > 1500, `${digests.length} vectors`);
  const idOf = (line) => line.split('  ')[1];
  const replayed = new Set(digests.map(idOf));
  const all = readFileSync(join(folder, 'digests.txt'), 'utf8').trim().split('\n');
  assert.deepEqual(digests, all.filter((line) => replayed.has(idOf(line))));
}

const run = promisify(execFile);

const modules = fileURLToPath(new URL('../../../node_modules/', import.meta.url));

/** A program of the repository's workspace. */
export const tool = (name) => join(modules, '.bin', name);

/** Bun's package moves the platform's program into its own place when it is installed, unless npm was told to run nothing. */
function bunProgram() {
  const untouched = join(modules, '@oven', `bun-${process.platform}-${process.arch.replace('arm64', 'aarch64')}`, 'bin/bun');
  return existsSync(untouched) ? untouched : tool('bun');
}

/** How Deno and Bun run a program, with what npm installed and nothing else. */
export const DENO = [tool('deno'), 'run', '--allow-all', '--no-remote', '--node-modules-dir=manual'];
export const BUN = [bunProgram()];

/** Runs a program in a folder and answers with what it printed as JSON. */
export async function said(cwd, command, ...args) {
  const { stdout } = await run(command, args, { cwd, env: { ...process.env, NO_COLOR: '1' } });
  return JSON.parse(stdout);
}
