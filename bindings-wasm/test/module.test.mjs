// The module's bytes are text in a bundle: as they are, and hardly more to download.
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import test from 'node:test';
import { gzipSync } from 'node:zlib';

import bytes from '../dist/module/bytes.js';
import node from '../dist/module/node.js';

const wasm = readFileSync(new URL('../pkg/stanchion_bg.wasm', import.meta.url));
const script = readFileSync(new URL('../pkg/bytes.js', import.meta.url));

/** What everybody downloads, in bytes gzipped. Whoever raises it says why in the commit. */
const LARGEST_MODULE = 88_500;

test('the module has grown no larger', () => {
  const size = gzipSync(wasm, { level: 9 }).length;
  assert(size <= LARGEST_MODULE, `${size} bytes gzipped`);
});

test('the texts are the module', () => {
  for (const module of [bytes, node]) assert.deepEqual(Buffer.from(module()), wasm);
});

test('the text compresses as the module does', () => {
  const [ofText, ofModule] = [script, wasm].map((content) => gzipSync(content, { level: 9 }).length);
  assert(ofText <= ofModule * 1.05, `${ofText} bytes gzipped, the module ${ofModule}`);
});

test('the text is ASCII, and stands in every kind of literal', () => {
  const text = /^export const text = '(.*)';$/m.exec(script.toString('latin1'))[1];
  assert.match(text, /^[ -~]+$/);
  assert.doesNotMatch(text, /["'`\\$<]/);
});
