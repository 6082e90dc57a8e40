// Packs what would be published: the package, and a package for each platform whose addon is built.
// usage: node bindings-node/scripts/pack.mjs <folder for the tarballs>    after `npm run build`; prints the tarballs
import { execFileSync } from 'node:child_process';
import { cpSync, existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';

import { PLATFORMS } from '../dist/platform.js';

const here = fileURLToPath(new URL('..', import.meta.url));
const root = join(here, '..');
const own = JSON.parse(readFileSync(join(here, 'package.json'), 'utf8'));
const { version, license, engines } = own;
const LICENSES = ['LICENSE-APACHE', 'LICENSE-MIT'];

/**
 * What is published says nothing of how it was built, and names the platforms' packages: the workspace does not, where npm
 * would look for them before they exist.
 */
function mainPackage() {
  const { scripts, devDependencies, imports, ...manifest } = own;
  const optionalDependencies = Object.fromEntries(PLATFORMS.map((platform) => [`stanchion-${platform}`, version]));
  return { manifest: { ...manifest, optionalDependencies }, files: [join(here, 'bundle'), join(here, 'README.md')] };
}

/** An addon alone. npm installs it where `os`, `cpu` and `libc` fit, and nothing runs at its installation. */
function addonPackage(platform) {
  const [os, cpu, abi] = platform.split('-');
  const file = `stanchion.${platform}.node`;
  const manifest = {
    name: `stanchion-${platform}`,
    version,
    description: `The addon of \`stanchion\` for ${platform}`,
    license,
    engines,
    os: [os],
    cpu: [cpu],
    ...(os === 'linux' && { libc: [abi === 'musl' ? 'musl' : 'glibc'] }),
    main: file,
    files: [file],
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

const [into] = process.argv.slice(2);
if (into === undefined) throw new Error('usage: pack.mjs <folder for the tarballs>');
mkdirSync(into, { recursive: true });
const built = PLATFORMS.filter((platform) => existsSync(join(here, `stanchion.${platform}.node`)));
for (const parts of [mainPackage(), ...built.map(addonPackage)]) console.log(pack(parts, resolve(into)));
