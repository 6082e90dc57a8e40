import type { PolicyConfig } from './config.js';
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

/** The fields of the engine's inputs that have another name here. */
const INPUTS: Readonly<Record<string, string>> = { duration_us: 'durationMs', actual_cost: 'actualCost', now_us: 'clock' };

/** An input's error with the name of the option that it came from. */
export function inputAsWritten(error: unknown): unknown {
  if (!(error instanceof InputError)) return error;
  const name = INPUTS[error.field ?? ''];
  if (name === undefined) return error;
  const { code, field, value, allowed, message } = error;
  return new InputError({ code, message: message.replace(`\`${field}\``, `\`${name}\``), field: name, value, allowed });
}
