// What a vector runner does in Node, wherever the engine is: reads the vectors, has them replayed, writes the digests.
import { readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join, sep } from 'node:path';
import { fileURLToPath } from 'node:url';

const REPOSITORY_VECTORS = fileURLToPath(new URL('../../core/vectors', import.meta.url));

/**
 * Has all vectors replayed by `replay(files)`, which answers as that of replay.mjs does. Arguments: the file for the
 * digests, the folder of the vectors. Exits with 1 on a difference.
 */
export async function main(replay, [output, folder = REPOSITORY_VECTORS]) {
  if (output === undefined) {
    console.error('usage: <runner> <digest file> [<folder>]');
    process.exit(2);
  }
  const { digests, differences } = await replay(files(folder));
  writeFileSync(output, digests.map((line) => `${line}\n`).join(''));
  for (const difference of differences) console.error(difference);
  console.log(`${digests.length} vectors, ${differences.length} differences`);
  process.exitCode = digests.length > 0 && differences.length === 0 ? 0 : 1;
}

function files(folder) {
  return readdirSync(folder, { recursive: true, encoding: 'utf8' })
    .filter((name) => name.endsWith('.json') && !name.endsWith('.schema.json'))
    .map((name) => ({ prefix: name.slice(0, -'.json'.length).split(sep).join('/'), text: readFileSync(join(folder, name), 'utf8') }));
}
