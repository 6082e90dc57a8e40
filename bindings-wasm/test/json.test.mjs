// The runner's JSON keeps what JavaScript's own loses.
import assert from 'node:assert/strict';
import test from 'node:test';

import { canonical, parse, write } from './json.mjs';

test('numbers keep their digits', () => {
  const text = '{"b":18446744073709551615,"a":[1.50,-0,1e400,9007199254740993]}';
  assert.equal(write(parse(text)), text);
});

test('members are sorted by code point, not by UTF-16 unit', () => {
  assert.equal(canonical(parse('{"\\ud83d\\ude00":1,"\\uffee":2,"a":3,"":4}')), '{"":4,"a":3,"\uffee":2,"\u{1f600}":1}');
});

test('strings have only the escapes that JSON demands', () => {
  assert.equal(canonical('/\u007f\u00e9"\\\n\u0001'), '"/\u007f\u00e9\\"\\\\\\n\\u0001"');
});

test('what is no JSON is refused', () => {
  for (const bad of ['', '{', '[1,]', '{"a":1,}', '01', '1 2', '"\n"', 'nul', '{a:1}', '[1 2]']) {
    assert.throws(() => parse(bad), SyntaxError, bad);
  }
});
