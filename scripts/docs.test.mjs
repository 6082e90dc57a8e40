// Each check is shown to find a planted fault before it is trusted to find none.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import {
  brokenLinks, embedded, embeds, excerpt, isThere, missingPaths, missingTests, read, traces, trackedFiles,
} from './docs.mjs';

const files = trackedFiles();
const documents = files.filter((path) => path.endsWith('.md'));
// Lock files name where each package came from: the registry's host stands there by their format.
const ofTools = /(^|\/)(package-lock\.json|Cargo\.lock|go\.sum)$/;

test('relative links lead somewhere', () => {
  const texts = { 'a/b.md': '# One thing\n[x](../c.md) [y](#one-thing) [z](#other) [w](https://example.org)\n' };
  const found = brokenLinks('a/b.md', texts['a/b.md'], (path) => texts[path], (path) => path in texts);
  assert.deepEqual(found, ['a/b.md: link to ../c.md, which is not there', 'a/b.md: link to #other, which has no such heading']);

  assert.ok(documents.length > 0);
  assert.deepEqual(documents.flatMap((path) => brokenLinks(path, read(path), read, isThere)), []);
});

test('files and tests that a document names are there', () => {
  assert.deepEqual(missingPaths('a.md', 'see `core/x.rs`', () => false), ['a.md: names core/x.rs, which is not there']);
  const text = '`core/x.rs: one, two`';
  assert.deepEqual(missingTests('a.md', text, () => 'fn one()', () => true), ['a.md: core/x.rs has no test two']);

  assert.ok(missingTests('ARCHITECTURE.md', read('ARCHITECTURE.md'), () => '', isThere).length > 20, 'the invariants name their tests');
  for (const path of documents) {
    assert.deepEqual(missingPaths(path, read(path), isThere), []);
    assert.deepEqual(missingTests(path, read(path), read, isThere), []);
  }
});

test('embedded examples are the files that the tests run', () => {
  const page = '<!-- embed: x.rs -->\n```rust\nold\n```\n<!-- /embed -->\n';
  const file = 'head\n  // readme:start\n  let a = 1;\n    b();\n  // readme:end\n';
  assert.equal(excerpt(file), 'let a = 1;\n  b();');
  assert.equal(embedded(page, () => file), page.replace('old', 'let a = 1;\n  b();'));

  for (const path of documents) {
    assert.deepEqual(embeds(read(path)).filter((file) => !isThere(file)), []);
    assert.equal(read(path), embedded(read(path), read), `${path} shows an older example: run node scripts/docs.mjs --write`);
  }
});

test('the README shows the same example in every language', () => {
  const languages = embeds(read('README.md')).map((path) => path.slice(path.lastIndexOf('.')));
  for (const language of ['.rs', '.ts', '.c', '.go']) assert.ok(languages.includes(language), `no ${language} example`);
});

test('no tracked file names a path of this machine or the host of a registry', () => {
  assert.equal(traces('x', `see /${'root'}/x and https://${'registry'}.example.org`).length, 1);

  const found = files.filter((path) => !ofTools.test(path)).flatMap((path) => traces(path, read(path)));
  assert.deepEqual(found, []);
});
