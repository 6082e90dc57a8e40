/**
 * The module in Node: from its file, which is read in a quarter of the time that text takes to be parsed. A bundler's output lies
 * elsewhere and has the text, and so does Deno, which would ask its user whether the file may be read.
 */
import asText from './node.js';

declare const __dirname: string;
declare const require: (name: 'node:fs') => { readFileSync(path: string): Uint8Array<ArrayBuffer> };

export default function module(): Uint8Array<ArrayBuffer> {
  try {
    if (isBesideFile()) return require('node:fs').readFileSync(`${__dirname}/../stanchion_bg.wasm`);
  } catch {
    // Nobody needs the file.
  }
  return asText();
}

/** Whether this is still the package's own `bundle/node`, in a runtime that asks nobody. */
function isBesideFile(): boolean {
  return !('Deno' in globalThis) && /[\\/]bundle[\\/]node$/.test(__dirname);
}
