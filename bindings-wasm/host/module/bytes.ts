/** The module wherever none can be imported: from its bytes, which are a string of the bundle. */
import base64 from '../../pkg/bytes.js';

export default function module(): Uint8Array<ArrayBuffer> {
  const text = atob(base64);
  const bytes = new Uint8Array(text.length);
  for (let i = 0; i < text.length; i += 1) bytes[i] = text.charCodeAt(i);
  return bytes;
}
