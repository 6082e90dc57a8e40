/** What is known about an error beside its message. */
export interface ErrorParts {
  /** A stable name for programs. */
  readonly code: string;
  /** The whole of it for people. */
  readonly message: string;
  /** The field that is wrong. */
  readonly field?: string | undefined;
  /** What stands there. */
  readonly value?: string | undefined;
  /** What is allowed there. */
  readonly allowed?: string | undefined;
  /** The file that it is about. */
  readonly path?: string | undefined;
  /** What went wrong below. */
  readonly cause?: unknown;
}

/** Carried by every error of this package, so that it is known even when two copies of the package are loaded. */
const brand = Symbol.for('stanchion.error');

/** Every error that Stanchion throws. */
export class StanchionError extends Error {
  /** A stable name for programs. */
  readonly code: string;
  /** The field that is wrong, where there is one. */
  readonly field: string | undefined;
  /** What stands there, as text. */
  readonly value: string | undefined;
  /** What is allowed there. */
  readonly allowed: string | undefined;
  /** The file that it is about, where there is one. */
  readonly path: string | undefined;

  constructor(parts: ErrorParts) {
    super(parts.message, parts.cause === undefined ? undefined : { cause: parts.cause });
    this.name = new.target.name;
    this.code = parts.code;
    this.field = parts.field;
    this.value = parts.value;
    this.allowed = parts.allowed;
    this.path = parts.path;
    Object.defineProperty(this, brand, { value: new.target.name });
  }
}

/** A configuration that is no policy. Nothing was built. */
export class ConfigError extends StanchionError {}

/** An input that is none: a permit, a number or a command out of range. Nothing changed. */
export class InputError extends StanchionError {}

/** Bytes that are no state, or none that this release may read. Nothing changed; keep the bytes. */
export class StateError extends StanchionError {}

/** A state file that cannot be used. Nothing was overwritten. */
export class StoreError extends StanchionError {}

/** The engine itself cannot go on: its instance trapped, or a policy, state or permit was used after its end. */
export class EngineError extends StanchionError {}

/** Whether that is an error of this package, of whichever copy of it; with a name, of that class. */
export function isStanchionError(error: unknown, name?: string): error is StanchionError {
  const found = typeof error === 'object' && error !== null ? (error as Record<symbol, unknown>)[brand] : undefined;
  return found !== undefined && (name === undefined || found === name);
}

/** The error of a kind that the engine names. */
export function errorOfKind(kind: string | undefined, parts: ErrorParts): StanchionError {
  switch (kind) {
    case 'config':
      return new ConfigError(parts);
    case 'input':
      return new InputError(parts);
    case 'state':
      return new StateError(parts);
    case 'store':
      return new StoreError(parts);
    default:
      return new EngineError(parts);
  }
}
