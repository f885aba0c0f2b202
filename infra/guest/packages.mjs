// The Debian packages a guest image is made of: fetched with apt-get, unpacked with dpkg-deb, never installed.
import { execFileSync } from 'node:child_process';
import { existsSync, mkdirSync, mkdtempSync, readdirSync, renameSync, rmSync } from 'node:fs';
import { join } from 'node:path';

/** Names the package that really holds the cloud kernel; the well-known name is only a pointer to it. */
function kernelPackage() {
  const depends = run('apt-cache', ['depends', '--no-recommends', '--no-suggests', 'linux-image-cloud-amd64']);
  const found = /Depends: (linux-image-\S+-cloud-amd64)\s/.exec(depends);
  if (found === null) throw new Error('linux-image-cloud-amd64 depends on no kernel package; try `apt-get update`');
  return found[1];
}

/**
 * Fetches every package that is not in `cacheDir` yet and unpacks all of them into `rootDir`.
 * A package that was fetched once is used for ever, so an image is rebuilt from the same versions.
 * Returns `{ name: version }`.
 */
export function unpackPackages(cacheDir, rootDir) {
  mkdirSync(cacheDir, { recursive: true });
  mkdirSync(rootDir, { recursive: true });
  const wanted = ['linux-image', 'busybox-static', 'syslinux', 'syslinux-common', 'mtools'];
  const versions = {};
  for (const name of wanted) {
    const file = join(cacheDir, cached(cacheDir, name) ?? fetch(cacheDir, name));
    run('dpkg-deb', ['-x', file, rootDir]);
    const [real, version] = run('dpkg-deb', ['-f', file, 'Package', 'Version']).matchAll(/: (\S+)/g);
    versions[real[1]] = version[1];
  }
  return versions;
}

/** Finds the fetched file of a package. Debian's file names are NAME_VERSION_ARCHITECTURE.deb. */
function cached(cacheDir, name) {
  const prefix = name === 'linux-image' ? 'linux-image-' : `${name}_`;
  return readdirSync(cacheDir).find((file) => file.startsWith(prefix) && file.endsWith('.deb'));
}

function fetch(cacheDir, name) {
  const real = name === 'linux-image' ? kernelPackage() : name;
  // apt fetches as the user _apt where it can; in a private directory it can't, and says so at length.
  const options = process.getuid() === 0 ? ['-o', 'APT::Sandbox::User=root'] : [];
  // Aside first: what an interrupted download leaves behind must not be taken for the package.
  const asideDir = mkdtempSync(join(cacheDir, 'fetch-'));
  try {
    run('apt-get', [...options, '-qq', 'download', real], asideDir);
    const file = cached(asideDir, name);
    if (file === undefined) throw new Error(`apt-get download ${real} left no file`);
    renameSync(join(asideDir, file), join(cacheDir, file));
    return file;
  } finally {
    rmSync(asideDir, { recursive: true, force: true });
  }
}

/** Runs a program and returns what it printed; its error text becomes the error's message. */
export function run(program, args, cwd, environment = {}) {
  if (cwd !== undefined && !existsSync(cwd)) throw new Error(`no such directory: ${cwd}`);
  try {
    return execFileSync(program, args, {
      cwd, encoding: 'utf8', stdio: ['ignore', 'pipe', 'pipe'], maxBuffer: 64 << 20,
      env: { ...process.env, LC_ALL: 'C.UTF-8', ...environment },
    });
  } catch (error) {
    const said = String(error.stderr ?? '').trim() || error.message;
    throw new Error(`${program} ${args.join(' ')}: ${said}`, { cause: error });
  }
}
