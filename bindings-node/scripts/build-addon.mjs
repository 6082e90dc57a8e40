// Builds the addon and puts it beside the package as `stanchion.<platform>.node`, where `host/native/node.ts` looks for it.
// usage: node build-addon.mjs [--test-panic | <platform>]    after `tsc`, which makes `dist/platform.js`
// With `--test-panic`: `stanchion-test-panic.<platform>.node`, which can panic on purpose. A platform's name builds for it, by
// the tools that `scripts/setup cross` installs.
import { execFileSync } from 'node:child_process';
import { copyFileSync, mkdirSync, renameSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

import { platform } from '../dist/platform.js';

const root = fileURLToPath(new URL('../..', import.meta.url));
const [word = platform()] = process.argv.slice(2);
const isTest = word === '--test-panic';
// Another folder for the test build, so that neither build undoes the other's.
const folder = join(process.env.CARGO_TARGET_DIR ?? join(root, 'target'), isTest ? 'test-panic' : '.');
const library = { darwin: 'libstanchion_node.dylib', win32: 'stanchion_node.dll' }[process.platform] ?? 'libstanchion_node.so';

/** Of the platforms that are built from another: Rust's name, who links, and what else the compiler must be told. */
const CROSS = {
  'linux-x64-musl': { target: 'x86_64-unknown-linux-musl', linker: 'musl-gcc', flags: muslFlags },
  'linux-arm64-gnu': { target: 'aarch64-unknown-linux-gnu', linker: 'aarch64-linux-gnu-gcc', flags: () => '' },
};

/** The C library is that of the Node that loads it. The unwinder is Rust's own, in place of the one that belongs to glibc. */
function muslFlags({ target }) {
  const sysroot = execFileSync('rustc', ['--print', 'sysroot'], { cwd: root, encoding: 'utf8' }).trim();
  const unwinder = join(folder, 'musl-unwinder');
  mkdirSync(unwinder, { recursive: true });
  writeFileSync(join(unwinder, 'libgcc_s.so'), `INPUT(${sysroot}/lib/rustlib/${target}/lib/self-contained/libunwind.a)\n`);
  return `-C target-feature=-crt-static -L native=${unwinder}`;
}

/** The test build is a release build that unwinds like the real one; only the long optimization of the whole is saved. */
function environment(cross) {
  if (isTest) return { CARGO_PROFILE_RELEASE_LTO: 'off', CARGO_PROFILE_RELEASE_CODEGEN_UNITS: '16' };
  if (cross === undefined) return {};
  const prefix = `CARGO_TARGET_${cross.target.toUpperCase().replaceAll('-', '_')}`;
  return { [`${prefix}_LINKER`]: cross.linker, [`${prefix}_RUSTFLAGS`]: cross.flags(cross) };
}

const name = isTest ? platform() : word;
const cross = name === platform() ? undefined : CROSS[name];
if (cross === undefined && name !== platform()) throw new Error(`\`${name}\` is built on itself, or is one of ${Object.keys(CROSS).join(', ')}`);
const target = cross === undefined ? [] : ['--target', cross.target];
const features = isTest ? ['--features', 'test-panic'] : [];
const where = ['--release', '-p', 'stanchion-node', '--lib', '--target-dir', folder];
execFileSync('cargo', ['rustc', '--quiet', ...where, ...target, ...features, '--', '-C', 'strip=symbols'], {
  cwd: root,
  env: { ...process.env, ...environment(cross) },
  stdio: 'inherit',
});
const place = join(root, 'bindings-node', `stanchion${isTest ? '-test-panic' : ''}.${name}.node`);
// By rename: a running process may have the old one mapped.
copyFileSync(join(folder, cross?.target ?? '.', 'release', library), `${place}.new`);
renameSync(`${place}.new`, place);
console.log(place);
