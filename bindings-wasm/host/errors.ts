import type { Rejection } from './rejection.js';
import type { Gate } from './engine-types.js';
import type { Unrecoverable } from './beside-types.js';

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

/** The errors by their names, which minifiers do not change. */
interface ErrorsByName {
  ConfigError: ConfigError;
  InputError: InputError;
  StateError: StateError;
  StoreError: StoreError;
  EngineError: EngineError;
  RejectedError: RejectedError;
  TimeoutError: TimeoutError;
  RecoveryError: RecoveryError;
}

/** Gives a class its name and its brand, once and for all: minifiers rename classes, and two copies are two classes. */
function named(constructor: { readonly prototype: object }, name: keyof ErrorsByName | 'StanchionError'): void {
  Object.defineProperty(constructor.prototype, 'name', { value: name, configurable: true, writable: true });
  Object.defineProperty(constructor.prototype, brand, { value: name });
}

/** Every error that Stanchion throws. */
export class StanchionError extends Error {
  static {
    named(this, 'StanchionError');
  }
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
    this.code = parts.code;
    this.field = parts.field;
    this.value = parts.value;
    this.allowed = parts.allowed;
    this.path = parts.path;
  }
}

/** A configuration that is no policy. Nothing was built. */
export class ConfigError extends StanchionError {
  static {
    named(this, 'ConfigError');
  }
}

/** An input that is none: a permit, a number or a command out of range. Nothing changed. */
export class InputError extends StanchionError {
  static {
    named(this, 'InputError');
  }
}

/** Bytes that are no state, or none that this release may read. Nothing changed; keep the bytes. */
export class StateError extends StanchionError {
  static {
    named(this, 'StateError');
  }
}

/** A state file that cannot be used. Nothing was overwritten. */
export class StoreError extends StanchionError {
  static {
    named(this, 'StoreError');
  }
}

/**
 * The engine itself cannot go on: its instance trapped, a policy or state was used after its end, a permit twice, or a lease was
 * lost under a running call.
 */
export class EngineError extends StanchionError {
  static {
    named(this, 'EngineError');
  }
}

/** Who refuses: a policy, which knows the statuses of its gates. */
export interface Refuser {
  /** The policy's name. */
  readonly name: string;
  /** The HTTP status of a gate; of none where the shared state is away. */
  readonly statusOf: (by: Gate | null) => number;
}

/** Why a call was refused in the end. */
export type RejectedCode = 'rejected' | 'queue_full' | 'store_unavailable';

/**
 * A refusal. Nothing was taken from any gate, and nothing was called.
 *
 * `code` is `rejected`; `queue_full` where too many calls wait already; `store_unavailable` where the shared state is away and
 * the policy says `onStoreError: 'reject'`. It carries no stack: under overload most answers are refusals, and a stack costs
 * more than everything else.
 */
export class RejectedError extends StanchionError {
  static {
    named(this, 'RejectedError');
  }
  declare readonly code: RejectedCode;
  /** The name of the policy that refused. */
  readonly policy: string;
  /** The gate that holds the call up longest, `{ gate, name }`; null where no gate was asked (`store_unavailable`). */
  readonly by: Gate | null;
  /** All gates that refuse now, in order. */
  readonly gates: readonly Gate[];
  /**
   * In so many ms, rounded up, every gate would admit this call if nothing else happened; `Infinity`: waiting cannot help. Null
   * where no gate was asked.
   */
  readonly retryAfterMs: number | null;
  /** Why the shared state had no part in the answer; null for a proper one. */
  readonly degraded: StoreError | null;
  /**
   * With which HTTP status a server passes it on: 429 where a limit holds the call up, else 503. Express and others answer so by
   * themselves.
   */
  readonly status: number;

  /** @internal Made by who throws it: see `rejectedError`. */
  constructor(
    { name, statusOf }: Refuser,
    rejection: Rejection,
    code: RejectedCode = rejection.by === null ? 'store_unavailable' : 'rejected',
  ) {
    super({ code, message: refusal(name, rejection, code), cause: rejection.degraded ?? undefined });
    this.policy = name;
    this.status = statusOf(rejection.by);
    this.by = rejection.by;
    this.gates = rejection.gates;
    this.retryAfterMs = rejection.retryAfterMs;
    this.degraded = rejection.degraded;
  }
}

function refusal(policy: string, { by, retryAfterMs }: Rejection, code: RejectedCode): string {
  if (by === null) return `\`${policy}\` is unavailable: its state cannot be reached`;
  const gate = by.name === undefined ? by.gate : `${by.gate} \`${by.name}\``;
  const hint = retryAfterMs === Infinity ? 'waiting cannot help' : `retry after ${retryAfterMs} ms`;
  return `\`${policy}\` is held up by its ${gate}${code === 'queue_full' ? ', and too many calls wait' : ''}: ${hint}`;
}

/** Where V8's limit of frames stands. */
type StackTraces = { stackTraceLimit?: number };

/** A refusal to throw, without the stack. */
export function rejectedError(policy: Refuser, rejection: Rejection, code?: RejectedCode): RejectedError {
  const traces = Error as unknown as StackTraces;
  const limit = traces.stackTraceLimit;
  // Not V8, or a hardened `Error`: then the stack is what it costs.
  if (limit === undefined || !Object.getOwnPropertyDescriptor(traces, 'stackTraceLimit')?.writable) {
    return new RejectedError(policy, rejection, code);
  }
  traces.stackTraceLimit = 0;
  try {
    return new RejectedError(policy, rejection, code);
  } finally {
    traces.stackTraceLimit = limit;
  }
}

/** The option that ended a call. */
export type TimeoutOption = 'timeoutMs' | 'deadlineMs' | 'callTimeoutMs';

/** A call took too long, and was given up: by `timeoutMs`, `deadlineMs`, or the policy's `callTimeoutMs`. It counts as a failure. */
export class TimeoutError extends StanchionError {
  static {
    named(this, 'TimeoutError');
  }
  /** Which option ended it. */
  readonly by: TimeoutOption;
  /** After how many ms. */
  readonly timeoutMs: number;

  constructor(by: TimeoutOption, timeoutMs: number) {
    super({ code: 'timeout', message: `the call was given up after ${timeoutMs} ms, by \`${by}\`` });
    this.by = by;
    this.timeoutMs = timeoutMs;
  }
}

/** Nothing is done about a fault any more, until the policy's `reset`. Its cause is what the last step threw. */
export class RecoveryError extends StanchionError {
  static {
    named(this, 'RecoveryError');
  }
  /** Why: nothing helps against it, all attempts are spent, or the policy has no `recovery`. */
  declare readonly code: 'fatal' | 'exhausted' | 'no_recovery';
  /** The name of the policy. */
  readonly policy: string;

  constructor(policy: string, why: Unrecoverable, cause?: unknown) {
    const reasons = { fatal: 'nothing helps against the fault', exhausted: 'all attempts are spent', noRecovery: 'it has no `recovery`' };
    const code = why === 'noRecovery' ? 'no_recovery' : why;
    super({ code, message: `\`${policy}\` was given up: ${reasons[why]}`, cause });
    this.policy = policy;
  }
}

/** Whether that is an error of this package, of whichever copy of it. */
export function isStanchionError(error: unknown): error is StanchionError;
/** Whether that is an error of that class of this package, of whichever copy of it. */
export function isStanchionError<Name extends keyof ErrorsByName>(error: unknown, name: Name): error is ErrorsByName[Name];
export function isStanchionError(error: unknown, name?: string): boolean {
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
