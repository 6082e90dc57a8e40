// The declarations of the packed package: they compile under each way of resolution, and say the same under each condition.
import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { cpSync, readFileSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import test from 'node:test';
import { promisify } from 'node:util';

import { installed, tool, withAddon } from './support.mjs';

const run = promisify(execFile);
const STRICT = { strict: true, noEmit: true, exactOptionalPropertyTypes: true, noUncheckedIndexedAccess: true };
/** Our declarations are checked, the compiler's own are not. */
const CHECKED = { skipLibCheck: false, skipDefaultLibCheck: true };
/** A `lib` of before `using`: what the declarations need of it they bring along. */
const TARGET = { target: 'es2022', lib: ['es2022', 'dom'], types: [] };

const WAYS = {
  node16: { files: ['typed.mts', 'typed.cts'], module: 'node16', moduleResolution: 'node16' },
  // With the frameworks, whose declarations want those of Node, and are not ours to check.
  nodenext: { files: ['entries.mts', 'entries.cts'], module: 'nodenext', moduleResolution: 'nodenext', types: ['node'], skipLibCheck: true },
  bundler: { files: ['typed.mts'], module: 'esnext', moduleResolution: 'bundler' },
};

for (const name of ['typed', 'entries']) cpSync(join(withAddon, `${name}.mts`), join(withAddon, `${name}.cts`));

for (const [name, { files, ...options }] of Object.entries(WAYS)) {
  test(`the declarations compile under the resolution \`${name}\``, async () => {
    const config = join(withAddon, `tsconfig.${name}.json`);
    writeFileSync(config, JSON.stringify({ compilerOptions: { ...STRICT, ...CHECKED, ...TARGET, ...options }, files }));
    await run(tool('tsc'), ['-p', config]).catch(({ stdout }) => assert.fail(stdout));
  });
}

/** All declarations that a file leads to, by their names without the format's letter. */
function declarations(path, found = new Map()) {
  const text = readFileSync(path, 'utf8');
  const plain = (name) => name.replace(/\.(d\.)?[cm]?[jt]s$/, '');
  found.set(plain(path.slice(path.lastIndexOf('/') + 1)), text.replaceAll(/((?:from|import) '\.\/[^']*)\.[cm]?js'/g, "$1'"));
  for (const [, name] of text.matchAll(/(?:from|import) '(\.\/[^']*)'/g)) {
    const next = join(dirname(path), name.replace(/\.([cm]?)js$/, '.d.$1ts'));
    if (!found.has(plain(name.slice(2)))) declarations(next, found);
  }
  return found;
}

/** The paths of all `types` below a branch of the exports. */
function typesOf(branch) {
  return Object.entries(branch).flatMap(([key, value]) => (key === 'types' ? [value] : typeof value === 'object' ? typesOf(value) : []));
}

test('the declarations are the same under every condition', () => {
  const { exports } = JSON.parse(readFileSync(join(installed, 'package.json'), 'utf8'));
  for (const [entry, branches] of Object.entries(exports).filter(([, branches]) => typeof branches === 'object')) {
    for (const branch of Object.values(branches)) assert.equal(Object.keys(branch.import ?? branch)[0], 'types');
    const paths = typesOf(branches);
    const wrapped = paths.filter((path) => path.endsWith('.d.mts'));
    const [first, ...others] = paths.filter((path) => !path.endsWith('.d.mts')).map((path) => declarations(join(installed, path)));
    assert(first.size > 1 && others.length >= 4, entry);
    for (const other of others) assert.deepEqual(other, first, entry);
    for (const path of wrapped) {
      assert.equal(readFileSync(join(installed, path), 'utf8'), `export * from './${path.match(/([^/]*)\.d\.mts$/)[1]}.cjs';\n`);
    }
  }
});
