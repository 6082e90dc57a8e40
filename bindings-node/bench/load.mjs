// What loading the package costs in a fresh process of Node, alone and with the first policy, beside a package that is empty: in ms
// of the clock, and in ms of the processor in that process. Rounds are interleaved; the least and the median of each case.
// usage: node bindings-node/bench/load.mjs [<folder of another build of the package>…]    after `npm run build`
import { execFileSync } from 'node:child_process';
import { cpSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

const ROUNDS = Number(process.env.ROUNDS ?? 25);
const POLICY = `definePolicy({
  name: 'p',
  circuit: { consecutiveFailures: 5 },
  limits: [{ name: 'calls', capacity: 60, refillTokens: 60, refillIntervalMs: 60_000 }],
  bulkhead: { maxConcurrent: 10 },
}).tryAcquire()`;
const LOADS = { require: ['cjs', `require('stanchion')`], import: ['mjs', `await import('stanchion')`] };

const root = mkdtempSync(join(tmpdir(), 'stanchion-load-'));
const here = fileURLToPath(new URL('..', import.meta.url));

/** A package as npm installs it, in an application's folder. */
function install(name, write) {
  const app = join(root, name);
  const installed = join(app, 'node_modules/stanchion');
  mkdirSync(installed, { recursive: true });
  writeFileSync(join(app, 'package.json'), '{ "private": true }');
  write(installed);
  return app;
}

function copy(folder) {
  return (installed) => ['package.json', 'bundle'].forEach((name) => cpSync(join(folder, name), join(installed, name), { recursive: true }));
}

function empty(installed) {
  const exports = { import: './index.mjs', require: './index.cjs' };
  writeFileSync(join(installed, 'package.json'), JSON.stringify({ name: 'stanchion', exports }));
  writeFileSync(join(installed, 'index.cjs'), 'exports.nothing = undefined;\n');
  writeFileSync(join(installed, 'index.mjs'), 'export const nothing = undefined;\n');
}

/** A program that does it and prints its ms. */
function program(app, name, [extension, load], then) {
  const file = join(app, `${name.replaceAll(' ', '-')}.${extension}`);
  const lines = [
    'const before = process.cpuUsage();',
    'const at = performance.now();',
    `const { definePolicy } = ${load.startsWith('await') ? `(${load})` : load};`,
    ...then,
    'const ms = performance.now() - at;',
    'const { user, system } = process.cpuUsage(before);',
    'console.log(JSON.stringify([ms, (user + system) / 1000]));',
  ];
  writeFileSync(file, `${lines.join('\n')}\n`);
  return { name, file, runs: [] };
}

/** Both ways to load what an application has installed; with the first policy too, where there is one to define. */
function casesOf(app, title, hasPolicies) {
  return Object.entries(LOADS).flatMap(([way, load]) => [
    program(app, `${way} ${title}`, load, []),
    ...(hasPolicies ? [program(app, `${way} ${title}, first policy`, load, [`${POLICY};`])] : []),
  ]);
}

function report({ name, runs }) {
  const columns = [0, 1].flatMap((column) => {
    const sorted = runs.map((run) => run[column]).sort((a, b) => a - b);
    return [sorted[0], sorted[sorted.length >> 1]];
  });
  console.log(`${name.padEnd(40)} ${columns.map((ms) => ms.toFixed(2).padStart(9)).join(' ')}`);
}

try {
  const others = process.argv.slice(2).flatMap((folder, i) => casesOf(install(`other-${i + 1}`, copy(folder)), `other ${i + 1}`, true));
  const cases = [...casesOf(install('empty', empty), 'empty', false), ...casesOf(install('this', copy(here)), 'stanchion', true), ...others];
  for (let round = 0; round < ROUNDS; round += 1) {
    for (const { file, runs } of cases) runs.push(JSON.parse(execFileSync(process.execPath, [file], { encoding: 'utf8' })));
  }
  console.log(`${'ms in a fresh process'.padEnd(40)} ${['clock min', 'median', 'processor', 'median'].map((head) => head.padStart(9)).join(' ')}`);
  cases.sort((a, b) => a.name.split(' ')[0].localeCompare(b.name.split(' ')[0])).forEach(report);
} finally {
  rmSync(root, { recursive: true });
}
