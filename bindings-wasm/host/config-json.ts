import type { PolicyConfig } from './config.js';
import type { Json } from './engine-types.js';
import { ConfigError, InputError } from './errors.js';

/** `openMs` as `open_ms`. An underscore is doubled, so that `open_ms` in an object is as unknown as it looks. */
export const snake = (name: string): string => name.replaceAll('_', '__').replace(/[A-Z]/g, (letter) => `_${letter.toLowerCase()}`);
/** The way back. */
export const camel = (name: string): string => name.replace(/__|_([a-z])/g, (_, letter?: string) => letter?.toUpperCase() ?? '_');
/** Field names in a text stand in backticks, words as JSON has them. */
const inProse = (text: string): string => text.replace(/`[^`]*`|"[a-z_]+"/g, camel);
/** The fields whose words are more than one: `sessionLost`. */
const WORDS: ReadonlySet<string> = new Set(['fault']);

/** A configuration as the core reads it. Text is JSON already, with the names of JSON, as a file that hosts share has it. */
export function configJson(config: PolicyConfig | string): string {
  return typeof config === 'string' ? config : JSON.stringify(wire(config));
}

/** JSON would write NaN as null, which is a setting: so it goes as text, which the core refuses. */
function wire(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(wire);
  if (typeof value === 'number' && !Number.isFinite(value)) return String(value);
  if (typeof value === 'bigint') return String(value);
  if (typeof value !== 'object' || value === null) return value;
  return Object.fromEntries(Object.entries(value).map(([name, inner]) => [snake(name), worded(name, wire(inner))]));
}

const worded = (name: string, value: unknown): unknown => (WORDS.has(name) && typeof value === 'string' ? snake(value) : value);

/** The core's error with the names as the user of an object wrote them. */
export function asWritten(error: unknown): unknown {
  if (!(error instanceof ConfigError)) return error;
  const { code, field = '', value, allowed = '', message } = error;
  const rest = message.startsWith(`\`${field}\``) && message.endsWith(allowed);
  const middle = rest ? message.slice(field.length + 2, message.length - allowed.length) : '';
  return new ConfigError({
    code,
    message: rest ? `\`${camel(field)}\`${middle}${inProse(allowed)}` : inProse(message),
    field: camel(field),
    value,
    allowed: inProse(allowed),
  });
}

/** An input as the core reads it: what JSON has no number for goes as text, too, which the core refuses. */
export function inputJson(input: Json): string {
  const isNone = (value: unknown): boolean => typeof value === 'bigint' || (typeof value === 'number' && !Number.isFinite(value));
  return typeof input === 'string' ? input : JSON.stringify(input, (_, value: unknown) => (isNone(value) ? String(value) : value));
}

/** Whole µs of ms, by default rounded up, as what is waited for is never early. What is no number stays, for the core to refuse. */
export function usOf(ms: number | null | undefined, round = Math.ceil): number | null {
  return typeof ms === 'number' ? round(ms * 1000) : (ms ?? null);
}

/** An input's error as the user of this layer wrote the input: names in camelCase, without the command's, and ms for µs. */
export function inputAsWritten(error: unknown): unknown {
  if (!(error instanceof InputError) || error.field === undefined) return error;
  const { code, message, field, value = '', allowed = '' } = error;
  const last = field.slice(field.lastIndexOf('.') + 1);
  const isUs = last.endsWith('_us');
  const name = last === 'now_us' ? 'clock' : camel(isUs ? last.replace(/us$/, 'ms') : last);
  const got = isUs && value !== '' && Number.isFinite(Number(value)) ? String(Number(value) / 1000) : value;
  const inMs = allowed.replace(/a whole number from (\d+) to (\d+)/, (_, lo, hi) => `a number from ${lo / 1000} to ${hi / 1000}`);
  const expected = isUs ? inMs : allowed.replace(/[`"][^`"]*[`"]/g, (word) => camel(word.replace(/_us`/, '_ms`')));
  const isUsual = message === `\`${field}\`: got ${value}, expected ${allowed}`;
  const text = isUsual ? `\`${name}\`: got ${got}, expected ${expected}` : message.replace(`\`${field}\``, `\`${name}\``);
  return new InputError({ code, message: text, field: name, value: got, allowed: expected });
}
