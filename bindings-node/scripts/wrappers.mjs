// What is imported in Node: thin wrappers over the CommonJS files, so that a process that imports the package in one place and
// requires it in another has one engine. Their names are written out, for Node to see what is exported.
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';

/** Writes the wrappers of an entry, and their declarations. */
export function wrap(folder, entry, names) {
  const exported = `export const { ${[...names].sort().join(', ')} } = one;\n`;
  writeFileSync(join(folder, `${entry}.mjs`), `${byRequire(entry)}\n${exported}`);
  writeFileSync(join(folder, `${entry}.bundler.mjs`), `import one from './${entry}.cjs';\n\n${exported}`);
  writeFileSync(join(folder, `${entry}.d.mts`), `export * from './${entry}.cjs';\n`);
}

/**
 * By `createRequire`: Node reads through a CommonJS file that is imported by a statement, in search of its exports, and that
 * takes longer than all else. Who traces files follows it; bundlers do not, and take the other wrapper by their condition `module`.
 * One that was told other conditions has made a file elsewhere of this one, and put what is plainly required into it.
 */
function byRequire(entry) {
  return `import { createRequire } from 'node:module';

let one;
if (import.meta.url?.includes('/bundle/node/${entry}.mjs')) {
  const load = createRequire(import.meta.url);
  one = load('./${entry}.cjs');
} else {
  one = require('./${entry}.cjs');
}
`;
}
