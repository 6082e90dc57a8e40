// Packs what would be published: the package, and the addon's for this platform, or for those that are named.
// usage: node bindings-node/scripts/pack.mjs <folder for the tarballs> [<platform>…]    after `npm run build`; prints the tarballs
import { execFileSync } from 'node:child_process';
import { cpSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';

import { PLATFORMS, platform } from '../dist/platform.js';

const here = fileURLToPath(new URL('..', import.meta.url));
const root = join(here, '..');
const own = JSON.parse(readFileSync(join(here, 'package.json'), 'utf8'));
const { version, license, engines, author, homepage, repository, bugs } = own;
const LICENSES = ['LICENSE-APACHE', 'LICENSE-MIT'];

/**
 * What is published says nothing of how it was built, and names the platforms' packages: the workspace does not, where npm
 * would look for them before they exist.
 */
function mainPackage() {
  const { scripts, devDependencies, imports, ...manifest } = own;
  const optionalDependencies = Object.fromEntries(PLATFORMS.map((name) => [`stanchion-${name}`, version]));
  return { manifest: { ...manifest, optionalDependencies }, files: [join(here, 'bundle'), join(here, 'README.md')] };
}

/** An addon alone. npm installs it where `os`, `cpu` and `libc` fit, and nothing runs at its installation. */
function addonPackage(name) {
  const [os, cpu, abi] = name.split('-');
  const file = `stanchion.${name}.node`;
  const manifest = {
    name: `stanchion-${name}`,
    version,
    description: `The addon of \`stanchion\` for ${name}`,
    license,
    author,
    homepage,
    repository,
    bugs,
    engines,
    os: [os],
    cpu: [cpu],
    ...(os === 'linux' && { libc: [abi === 'musl' ? 'musl' : 'glibc'] }),
    main: file,
    files: [file, ...LICENSES],
  };
  return { manifest, files: [join(here, file)] };
}

function pack({ manifest, files }, into) {
  const folder = mkdtempSync(join(tmpdir(), 'stanchion-pack-'));
  try {
    for (const path of [...files, ...LICENSES.map((name) => join(root, name))]) {
      cpSync(path, join(folder, path.slice(path.lastIndexOf('/') + 1)), { recursive: true });
    }
    writeFileSync(join(folder, 'package.json'), `${JSON.stringify(manifest, null, 2)}\n`);
    const packed = execFileSync('npm', ['pack', '--silent', '--pack-destination', into], { cwd: folder, encoding: 'utf8' });
    return join(into, packed.trim());
  } finally {
    rmSync(folder, { recursive: true });
  }
}

const [into, ...platforms] = process.argv.slice(2);
if (into === undefined) throw new Error('usage: pack.mjs <folder for the tarballs> [<platform>…]');
mkdirSync(into, { recursive: true });
const addons = (platforms.length === 0 ? [platform()] : platforms).map(addonPackage);
for (const parts of [mainPackage(), ...addons]) console.log(pack(parts, resolve(into)));
