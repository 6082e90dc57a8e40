// What the package exports: for each entry and each condition a file with declarations of its own. `exportsOf` is what
// package.json must say (`bundle.mjs` refuses anything else).

/** The entries: each is `host/<entry>.ts`; `index` is the package itself. */
export const ENTRIES = ['index', 'store', 'testing', 'express', 'fastify', 'hono', 'opentelemetry', 'prom-client'];

/**
 * The conditions in the order in which a resolver tries them. `module` says where the compiled WebAssembly comes from
 * (`bindings-wasm/host/module`), `native` where the addon does (`host/native`); a condition with `folder` has the files of another.
 */
export const CONDITIONS = [
  { name: 'workerd', module: 'workerd', native: 'elsewhere' },
  { name: 'edge-light', module: 'edge-light', native: 'elsewhere' },
  { name: 'node', module: 'file', native: 'node', isCommonJs: true },
  { name: 'browser', folder: 'default' },
  { name: 'default', module: 'bytes', native: 'elsewhere' },
];

/** The conditions that have files of their own, in `bundle/<name>/`. */
export const BUNDLES = CONDITIONS.filter(({ folder }) => folder === undefined);

/** The `exports` of package.json. */
export function exportsOf() {
  return {
    ...Object.fromEntries(ENTRIES.map((entry) => [entry === 'index' ? '.' : `./${entry}`, branches(entry)])),
    './package.json': './package.json',
  };
}

function branches(entry) {
  return Object.fromEntries(CONDITIONS.map(({ name, folder = name, isCommonJs }) => [name, isCommonJs ? twoFormats(folder, entry) : branch(folder, entry, '')]));
}

/** What is imported is a thin wrapper (`wrappers.mjs`): one that Node loads fast, and one that bundlers follow. */
function twoFormats(folder, entry) {
  const { types, default: imported } = branch(folder, entry, 'm');
  return { import: { types, module: `./bundle/${folder}/${entry}.bundler.mjs`, default: imported }, require: branch(folder, entry, 'c') };
}

function branch(folder, entry, format) {
  const file = `./bundle/${folder}/${entry}`;
  return { types: `${file}.d.${format}ts`, default: `${file}.${format}js` };
}
