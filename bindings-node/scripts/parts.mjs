// How the CommonJS files for Node are cut. Node parses all that it reads, and in a fresh process that is most of a load: what every
// program needs is one file; the engine, and what few programs call, are files of their own that are read when they are first wanted.
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

const here = fileURLToPath(new URL('..', import.meta.url));
const wasm = join(here, '../bindings-wasm');

/** The text that the engine's bytes are. */
export const BYTES = ['bytes.js', 'base64.js'].map((name) => join(wasm, 'pkg', name));

const LAYER = join(wasm, 'host/');
const PACKAGE = join(here, 'host/index.ts');
/** The engine, but for its bytes; with what it alone wants of the bundler. */
const GLUE = [join(wasm, 'pkg/stanchion.js'), join(LAYER, 'module/file.ts'), join(LAYER, 'module/node.ts'), '\0rolldown/runtime.js'];
const SELDOM = ['fetch', 'health', 'nest', 'recovery', 'schedule', 'supervise'].map((name) => join(LAYER, `${name}.ts`));
/** What entries alone want beside `index`. */
const OF_ENTRIES = ['limiter', 'testing'].map((name) => join(LAYER, `${name}.ts`));

/** The files that are read late, and who reads them so. */
const LATE = ['glue', 'bytes', 'seldom'];
const READERS = ['index', 'glue'];

/** The groups of modules that are a file each; nobody sees what they share. */
export const PARTS = {
  includeDependenciesRecursively: false,
  groups: [
    { name: 'glue', test: (id) => GLUE.includes(id) },
    { name: 'bytes', test: (id) => BYTES.includes(id) },
    { name: 'seldom', test: (id) => SELDOM.includes(id) },
    { name: 'index', test: (id) => id === PACKAGE || (id.startsWith(LAYER) && !OF_ENTRIES.includes(id)) },
  ],
};

/** Reads late; `exported` is what users of `index` are to see. */
export function readLate(exported) {
  return {
    name: 'read-late',
    renderChunk(code, { name }) {
      if (!READERS.includes(name)) return null;
      const lines = code.split('\n').map((line) => lateRequire(line, code) ?? (name === 'index' ? ofIndex(line, exported) : null) ?? line);
      return { code: lines.join('\n'), map: null };
    },
  };
}

/** The file is read when one of its exports is. By name, so that bundlers follow it. */
function lateRequire(line, code) {
  const [, part] = line.match(/^const require_(\w+) = require\("\.\/\1\.cjs"\);$/) ?? [];
  if (part === undefined) return null;
  if (!LATE.includes(part)) throw new Error(`all of it is to be one file: ${line}`);
  const used = new Set(Array.from(code.matchAll(new RegExp(`\\brequire_${part}\\.([\\w$]+)`, 'g')), ([, name]) => name));
  const getters = [...used].map((name) => `get ${name}() { return require("./${part}.cjs").${name}; }`);
  return `const require_${part} = { ${getters.join(', ')} };`;
}

const ofIndex = (line, exported) => lateExport(line, exported) ?? hidden(line, exported);

/** A function that few call reads its file when it is called. */
function lateExport(line, exported) {
  const [, name, late] = line.match(/^exports\.(\w+) = (require_\w+\.\w+);$/) ?? [];
  if (name === undefined) return null;
  if (/^class\b/.test(exported[name])) throw new Error(`a class is not called, and cannot be late: ${line}`);
  return `exports.${name} = function ${name}(...args) { return ${late}(...args); };`;
}

/** What the other entries share with `index` is nothing that its users see. */
function hidden(line, exported) {
  const [, name, value] = line.match(/^exports\.([\w$]+) = ([\w$]+);$/) ?? [];
  return name === undefined || name in exported ? null : `Object.defineProperty(exports, "${name}", { value: ${value} });`;
}

/** No comments, and short names within functions: a tenth of a load. The breaks of lines, and the names that a stack shows, stay. */
export const SHORT = {
  comments: false,
  minify: { compress: false, mangle: { keepNames: true }, codegen: { removeWhitespace: false } },
  minifyInternalExports: false,
};
