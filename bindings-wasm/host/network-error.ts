import type { NetworkError } from './engine-types.js';

/** The codes by which runtimes tell why a request failed, as the class that the core knows. Node's, undici's and OpenSSL's. */
const CLASSES: readonly (readonly [RegExp, NetworkError])[] = [
  [/^(ECONNREFUSED|EHOSTUNREACH|ENETUNREACH|EHOSTDOWN|ENETDOWN|EADDRNOTAVAIL)$/, 'refused'],
  [/^(ECONNRESET|ECONNABORTED|EPIPE|UND_ERR_SOCKET|UND_ERR_CLOSED|UND_ERR_DESTROYED)$/, 'reset'],
  [/^(ENOTFOUND|EAI_\w+)$/, 'dns'],
  [/^(ETIMEDOUT|ESOCKETTIMEDOUT|UND_ERR_(CONNECT|HEADERS|BODY)_TIMEOUT)$/, 'timeout'],
  [/^(ERR_TLS_\w+|ERR_SSL_\w+|EPROTO|CERT_\w+|\w*SELF_SIGNED\w*|UNABLE_TO_\w+|HOSTNAME_MISMATCH|INVALID_CA|ERR_CERT_\w+)$/, 'tls'],
];

/** The class of what `fetch` threw; `other` where it cannot be told, as in browsers, which tell nobody. */
export function networkErrorOf(error: unknown): NetworkError {
  for (let cause = error, depth = 0; typeof cause === 'object' && cause !== null && depth < 5; depth += 1) {
    const { code, name, errors, cause: below } = cause as { code?: unknown; name?: unknown; errors?: unknown; cause?: unknown };
    const found = CLASSES.find(([pattern]) => typeof code === 'string' && pattern.test(code));
    if (found !== undefined) return found[1];
    if (name === 'TimeoutError') return 'timeout';
    if (name === 'AbortError') return 'aborted';
    // Several addresses of one host were tried.
    cause = Array.isArray(errors) ? errors[0] : below;
  }
  return 'other';
}
