// The packed package in what bundlers make for a server: one file that runs where nothing is installed, with one engine.
import assert from 'node:assert/strict';
import { cpSync, mkdirSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import test from 'node:test';

import { build as esbuild } from 'esbuild';
import { rolldown } from 'rolldown';
import { build as vite } from 'vite';
import webpack from 'webpack';

import { FACTS, said, withAddon } from './support.mjs';

const ENTRY = join(withAddon, 'server.mjs');
/** Conditions that a user tells, without `module`: the wrapper that is meant for Node alone is bundled then. */
const OWN = ['production'];

const byEsbuild = (options) => (outfile) =>
  esbuild({ entryPoints: [ENTRY], outfile, bundle: true, platform: 'node', logLevel: 'warning', ...options });

async function byRolldown(file, conditionNames) {
  const bundle = await rolldown({ input: ENTRY, platform: 'node', resolve: { conditionNames } });
  await bundle.write({ file, format: 'esm', codeSplitting: false });
  await bundle.close();
}

async function byVite(file) {
  const rolldownOptions = { output: { entryFileNames: 'server.mjs', codeSplitting: false } };
  const build = { ssr: ENTRY, outDir: join(file, '..'), emptyOutDir: false, rolldownOptions };
  await vite({ root: withAddon, configFile: false, logLevel: 'warn', ssr: { noExternal: true }, build });
}

async function byWebpack(file) {
  const output = { path: join(file, '..'), filename: 'server.cjs' };
  const optimization = { minimize: false };
  const compiler = webpack({ mode: 'production', target: 'node', context: withAddon, entry: ENTRY, output, optimization, performance: false });
  const stats = await new Promise((resolve, reject) => {
    compiler.run((error, stats) => (error ? reject(error) : compiler.close(() => resolve(stats))));
  });
  if (stats.hasErrors() || stats.hasWarnings()) throw new Error(stats.toString());
}

/** How each makes the file, and its name. */
const BUILDS = {
  'esbuild, as a module': ['server.mjs', byEsbuild({ format: 'esm' })],
  'esbuild, as CommonJS': ['server.cjs', byEsbuild({ format: 'cjs' })],
  'esbuild by conditions of its own, as a module': ['server.mjs', byEsbuild({ format: 'esm', conditions: OWN })],
  'esbuild by conditions of its own, as CommonJS': ['server.cjs', byEsbuild({ format: 'cjs', conditions: OWN, logLevel: 'error' })],
  rolldown: ['server.mjs', byRolldown],
  'rolldown by conditions of its own': ['server.mjs', (file) => byRolldown(file, ['node', 'import', 'require', 'default', ...OWN])],
  vite: ['server.mjs', byVite],
  webpack: ['server.cjs', byWebpack],
};

for (const [name, [file, build]] of Object.entries(BUILDS)) {
  test(`a server built by ${name}`, async (t) => {
    const folder = mkdtempSync(join(tmpdir(), 'server-'));
    t.after(() => rmSync(folder, { recursive: true }));
    // Built in one place and run in another: what is not in the file is not there.
    const [built, run] = ['built', 'run'].map((name) => join(folder, name));
    await build(join(built, file));
    mkdirSync(run);
    cpSync(join(built, file), join(run, file));
    rmSync(built, { recursive: true });
    assert.deepEqual(await said(run, process.execPath, file), { facts: FACTS, isOneEngine: true });
  });
}
