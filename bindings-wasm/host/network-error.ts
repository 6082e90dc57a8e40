import type { NetworkError } from './engine-types.js';

/** The codes by which runtimes tell why a request failed, as the class that the core knows. Node's, undici's and OpenSSL's. */
const CLASSES: readonly (readonly [RegExp, NetworkError])[] = [
  [/^(ECONNREFUSED|EHOSTUNREACH|ENETUNREACH|EHOSTDOWN|ENETDOWN|EADDRNOTAVAIL)$/, 'refused'],
  [/^(ECONNRESET|ECONNABORTED|EPIPE|UND_ERR_SOCKET|UND_ERR_CLOSED|UND_ERR_DESTROYED)$/, 'reset'],
  [/^(ENOTFOUND|EAI_\w+)$/, 'dns'],
  [/^(ETIMEDOUT|ESOCKETTIMEDOUT|UND_ERR_(CONNECT|HEADERS|BODY)_TIMEOUT)$/, 'timeout'],
  [/^(ERR_TLS_\w+|ERR_SSL_\w+|EPROTO|CERT_\w+|\w*SELF_SIGNED\w*|UNABLE_TO_\w+|HOSTNAME_MISMATCH|INVALID_CA|ERR_CERT_\w+)$/, 'tls'],
];

/** Deno tells it in words only: those of its HTTP client, and the number of the system's error. */
const WORDS: readonly (readonly [RegExp, NetworkError])[] = [
  [/\bdns error\b/, 'dns'],
  [/\btls handshake\b|\binvalid peer certificate\b/, 'tls'],
  [/\boperation timed out\b|\(os error (110|60|10060)\)/, 'timeout'],
  [/\bclosed before message completed\b|\(os error (104|54|10054|32)\)/, 'reset'],
  [/\btcp connect error\b/, 'refused'],
];

/** The class of what `fetch` threw; `other` where it cannot be told, as in browsers, which tell nobody. */
export function networkErrorOf(error: unknown): NetworkError {
  for (let cause = error, depth = 0; typeof cause === 'object' && cause !== null && depth < 5; depth += 1) {
    const { code, name, message, errors, cause: below } = cause as ErrorLike;
    const [classes, said] = typeof code === 'string' ? [CLASSES, code] : [WORDS, String(message)];
    const found = classes.find(([pattern]) => pattern.test(said));
    if (found !== undefined) return found[1];
    if (name === 'TimeoutError') return 'timeout';
    if (name === 'AbortError') return 'aborted';
    // Several addresses of one host were tried.
    cause = Array.isArray(errors) ? errors[0] : below;
  }
  return 'other';
}

/** What an error may have. */
interface ErrorLike {
  readonly code?: unknown;
  readonly name?: unknown;
  readonly message?: unknown;
  readonly errors?: unknown;
  readonly cause?: unknown;
}
