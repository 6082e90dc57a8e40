import { InputError } from './errors.js';

/** All names of the fields of some options: one that is forgotten does not compile. */
export type Names<Options> = { readonly [Name in keyof Required<Options>]: true };

/**
 * Options as they are, if all of their names are known: one that is misspelt would be as if nobody had said it.
 * @throws InputError naming the first that is not.
 */
export function known<Options extends object>(options: Options, names: Names<Options>): Options {
  for (const name in options) {
    if (names[name] !== true) throw invalidInput(name, options[name], `no field of that name, only ${listed(names)}`);
  }
  return options;
}

/** All names, for people. */
export function listed(names: object): string {
  return Object.keys(names)
    .map((name) => `\`${name}\``)
    .join(', ');
}

/**
 * A number of the host's own options, checked as the core checks its settings: 0 or more.
 * @throws InputError for anything else.
 */
export function atLeastZero(field: string, value: number): number {
  if (typeof value === 'number' && value >= 0) return value;
  throw invalidInput(field, value, 'a number from 0');
}

/** An input of the host's own that is none, as the core says it of its own. */
export function invalidInput(field: string, value: unknown, allowed: string): InputError {
  const shown = typeof value === 'string' ? JSON.stringify(value) : shownBriefly(value);
  const message = `\`${field}\`: got ${shown}, expected ${allowed}`;
  return new InputError({ code: 'invalid_input', message, field, value: typeof value === 'string' ? value : shown, allowed });
}

function shownBriefly(value: unknown): string {
  if (typeof value === 'function') return 'a function';
  if (typeof value !== 'object') return String(value);
  try {
    return JSON.stringify(value).slice(0, 80);
  } catch {
    return 'an object';
  }
}
