// Replays the vectors on the package that is installed, in Node, Deno and Bun.
import { readFileSync } from 'node:fs';

import { engine } from 'stanchion';

import { replay } from './replay.mjs';

console.log(JSON.stringify(await replay(engine, JSON.parse(readFileSync('vectors.json', 'utf8')))));
