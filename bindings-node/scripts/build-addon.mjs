// Builds the addon and puts it beside the package as `stanchion.<platform>.node`, where `host/addon.ts` looks for it.
// With `--test-panic`: `stanchion-test-panic.<platform>.node`, which can panic on purpose. After `tsc`, which makes
// `dist/platform.js`.
import { execFileSync } from 'node:child_process';
import { copyFileSync, renameSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

import { platform } from '../dist/platform.js';

const root = fileURLToPath(new URL('../..', import.meta.url));
const isTest = process.argv.includes('--test-panic');
// Another folder for the test build, so that neither build undoes the other's.
const target = join(process.env.CARGO_TARGET_DIR ?? join(root, 'target'), isTest ? 'test-panic' : '.');
const features = isTest ? ['--features', 'test-panic'] : [];
// The test build is a release build that unwinds like the real one; only the long optimization of the whole is saved.
const quick = { CARGO_PROFILE_RELEASE_LTO: 'off', CARGO_PROFILE_RELEASE_CODEGEN_UNITS: '16' };
const library = { darwin: 'libstanchion_node.dylib', win32: 'stanchion_node.dll' }[process.platform] ?? 'libstanchion_node.so';

execFileSync('cargo', ['build', '--quiet', '--release', '-p', 'stanchion-node', '--target-dir', target, ...features], {
  cwd: root,
  env: isTest ? { ...process.env, ...quick } : process.env,
  stdio: 'inherit',
});
const place = join(root, 'bindings-node', `stanchion${isTest ? '-test-panic' : ''}.${platform()}.node`);
// By rename: a running process may have the old one mapped.
copyFileSync(join(target, 'release', library), `${place}.new`);
renameSync(`${place}.new`, place);
console.log(place);
