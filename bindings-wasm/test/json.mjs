// JSON without loss: numbers keep their digits, objects their members. JavaScript's own parser rounds whole numbers
// above 2^53, and vectors may hold such numbers.

/** A number as it was written. */
export class Num {
  constructor(text) {
    this.text = String(text);
  }
}

const NUMBER = /-?(?:0|[1-9]\d*)(?:\.\d+)?(?:[eE][+-]?\d+)?/y;
const STRING = /"(?:[^"\\\u0000-\u001f]|\\.)*"/y;
const SPACE = /[ \t\r\n]*/y;

/** Reads JSON: objects as `Map`, numbers as `Num`, everything else as JavaScript has it. */
export function parse(text) {
  let at = 0;
  const fail = () => {
    throw new SyntaxError(`no JSON at ${at}: ${text.slice(at, at + 20)}`);
  };
  const take = (pattern) => {
    pattern.lastIndex = at;
    const found = pattern.exec(text);
    if (found === null) fail();
    at += found[0].length;
    return found[0];
  };
  const skip = (token) => {
    take(SPACE);
    if (!text.startsWith(token, at)) return false;
    at += token.length;
    take(SPACE);
    return true;
  };
  const string = () => JSON.parse(take(STRING));
  const list = (end, item) => {
    if (skip(end)) return;
    do item();
    while (skip(','));
    if (!skip(end)) fail();
  };
  const value = () => {
    take(SPACE);
    if (skip('{')) {
      const object = new Map();
      list('}', () => {
        const key = string();
        if (!skip(':')) fail();
        object.set(key, value());
      });
      return object;
    }
    if (skip('[')) {
      const array = [];
      list(']', () => array.push(value()));
      return array;
    }
    for (const [token, meaning] of [['null', null], ['true', true], ['false', false]]) {
      if (skip(token)) return meaning;
    }
    return text[at] === '"' ? string() : new Num(take(NUMBER));
  };
  const result = value();
  take(SPACE);
  if (at !== text.length) fail();
  return result;
}

/** Writes JSON without spaces, members in their order. Takes plain objects and whole numbers too. */
export function write(value) {
  return text(value, (keys) => keys);
}

/** The canonical form: members sorted by code point. */
export function canonical(value) {
  return text(value, (keys) => keys.sort(byCodePoint));
}

function text(value, order) {
  if (value instanceof Num) return value.text;
  if (typeof value === 'number') {
    if (!Number.isSafeInteger(value)) throw new RangeError(`${value} is no exact whole number`);
    return String(value);
  }
  if (value === null || typeof value !== 'object') return JSON.stringify(value);
  if (Array.isArray(value)) return `[${value.map((item) => text(item, order)).join(',')}]`;
  const members = value instanceof Map ? value : new Map(Object.entries(value));
  const keys = order([...members.keys()]);
  return `{${keys.map((key) => `${JSON.stringify(key)}:${text(members.get(key), order)}`).join(',')}}`;
}

/** The order of UTF-8 bytes too. JavaScript compares UTF-16 units, where a surrogate comes before U+E000. */
export function byCodePoint(left, right) {
  const [a, b] = [[...left], [...right]];
  const at = a.findIndex((char, i) => char !== b[i]);
  if (at < 0) return a.length - b.length;
  if (at >= b.length) return 1;
  return a[at].codePointAt(0) - b[at].codePointAt(0);
}
