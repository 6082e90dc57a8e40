// The module with all that the core has, as bytes.
import { base64 } from '../../pkg-test-panic/base64.js';

export default () => Uint8Array.from(atob(base64), (char) => char.charCodeAt(0));
