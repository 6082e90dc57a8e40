/**
 * The module wherever none can be imported: from its bytes, which are text of the bundle. `xtask/src/wasm/inline.rs` writes it, and
 * says why it is not base64.
 */
import { length, order, text } from '../../pkg/bytes.js';

/** What stands in no text: some literal would have to escape it. */
const UNUSED = '"\'`\\$<';
/** Places of a page in the table: the characters of ASCII. */
const PAGE = 128;

export default function module(): Uint8Array<ArrayBuffer> {
  const table = tableOfCharacters();
  const codes = new TextEncoder().encode(text);
  const bytes = new Uint8Array(length);
  let at = 0;
  let page = 0;
  for (let i = 0; i < codes.length; i += 1) {
    const value = table[page + codes[i]!]!;
    if (value < 0) {
      page = -value;
    } else {
      bytes[at++] = value;
      page = 0;
    }
  }
  return bytes;
}

/** What a character means on each of the three pages: a byte, or, below 0, the page of the next character. */
function tableOfCharacters(): Int16Array {
  const used = Array.from({ length: 0x5f }, (_, i) => 0x20 + i).filter((code) => !UNUSED.includes(String.fromCharCode(code)));
  const [toSecond, toThird, ...singles] = used;
  const table = new Int16Array(3 * PAGE);
  table[toSecond!] = -PAGE;
  table[toThird!] = -2 * PAGE;
  Array.from(atob(order), (byte, rank) => {
    table[Math.floor(rank / singles.length) * PAGE + singles[rank % singles.length]!] = byte.charCodeAt(0);
  });
  return table;
}
