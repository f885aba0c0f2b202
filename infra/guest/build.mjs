// Builds the test guest's disk images under .cache/guest, when they are not there or their sources changed.
//   node infra/guest/build.mjs [--refresh]        --refresh: fetch the packages anew, too
//   node infra/guest/build.mjs --fill MIB [--write MIB]
// The second makes one more image, if it is not there, and prints its path: a guest that fills so much memory, and writes so much per second.
import { createHash } from 'node:crypto';
import { existsSync, mkdirSync, mkdtempSync, readFileSync, readdirSync, renameSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath, pathToFileURL } from 'node:url';
import { parseArgs } from 'node:util';
import { buildInitramfs } from './initramfs.mjs';
import { writeImage } from './image.mjs';
import { unpackPackages } from './packages.mjs';

const SOURCE_DIR = dirname(fileURLToPath(import.meta.url));
export const GUEST_DIR = join(SOURCE_DIR, '../../.cache/guest');

/** `guest` is the machine the figures are measured with; `guest-small` is ready in half the time and leaves more of the processor to others, for tests. */
const IMAGES = [{ name: 'guest', fillMib: 200, writeMib: 0 }, { name: 'guest-small', fillMib: 16, writeMib: 0, restSeconds: 0.25 }];

/**
 * No self-tests and no guards against other tenants: seconds count under software emulation. The HPET keeps the time,
 * because the emulated time-stamp counter runs at the host's own rate, and the next host may have another one.
 */
const COMMAND_LINE = 'console=ttyS0 quiet loglevel=3 mitigations=off nokaslr random.trust_cpu=on cryptomgr.notests '
  + '8250.nr_uarts=1 no_timer_check clocksource=hpet rcupdate.rcu_expedited=1';

const LEFTOVER_MS = 3_600_000;

/** True when every one of `images` is there and was built from these very sources. Costs a few milliseconds. */
export function guestIsCurrent(images = IMAGES) {
  const sources = sourcesHash();
  return images.every(({ name }) => {
    const about = join(GUEST_DIR, `${name}.json`);
    const image = join(GUEST_DIR, `${name}.raw`);
    if (!existsSync(about) || !existsSync(image)) return false;
    const said = JSON.parse(readFileSync(about, 'utf8'));
    return said.sources === sources && statSync(image).size === said.sizeBytes;
  });
}

/** Builds all of `images`; each appears whole or not at all. */
export function buildGuest({ refresh = false, images = IMAGES } = {}) {
  const packagesDir = join(GUEST_DIR, 'packages');
  if (refresh) rmSync(packagesDir, { recursive: true, force: true });
  mkdirSync(GUEST_DIR, { recursive: true });
  removeLeftovers();
  const workDir = mkdtempSync(join(GUEST_DIR, 'work-'));
  try {
    const rootDir = join(workDir, 'root');
    const builtFrom = unpackPackages(packagesDir, rootDir);
    const [kernelVersion] = readdirSync(join(rootDir, 'lib/modules'));
    const kernel = readFileSync(join(rootDir, `boot/vmlinuz-${kernelVersion}`));
    const initramfs = buildInitramfs(rootDir, kernelVersion, readFileSync(join(SOURCE_DIR, 'init')));
    for (const { name, fillMib, writeMib, restSeconds = 0.05 } of images) {
      const image = join(workDir, `${name}.raw`);
      writeImage(image, { kernel, initramfs, commandLine: `${COMMAND_LINE} godwit.fill=${fillMib} godwit.write=${writeMib} godwit.rest=${restSeconds}` }, rootDir, workDir);
      const bytes = readFileSync(image);
      const about = {
        kernelVersion, fillBytes: fillMib * 1024 * 1024, sizeBytes: bytes.length,
        sha256: createHash('sha256').update(bytes).digest('hex'), builtFrom, sources: sourcesHash(),
      };
      rmSync(join(GUEST_DIR, `${name}.json`), { force: true });
      renameSync(image, join(GUEST_DIR, `${name}.raw`));
      writeFileSync(join(workDir, 'about'), `${JSON.stringify(about, null, 2)}\n`);
      renameSync(join(workDir, 'about'), join(GUEST_DIR, `${name}.json`));
    }
  } finally {
    rmSync(workDir, { recursive: true, force: true });
  }
}

/** A build that was killed leaves its work behind; one that runs beside this one is younger than that. */
function removeLeftovers() {
  for (const name of readdirSync(GUEST_DIR).filter((entry) => entry.startsWith('work-'))) {
    const dir = join(GUEST_DIR, name);
    if (Date.now() - statSync(dir).mtimeMs > LEFTOVER_MS) rmSync(dir, { recursive: true, force: true });
  }
}

/** Hashes everything in this directory, so that a changed line of the init script makes a new image. */
function sourcesHash() {
  const hash = createHash('sha256');
  for (const name of readdirSync(SOURCE_DIR).sort()) hash.update(`${name}\0`).update(readFileSync(join(SOURCE_DIR, name)));
  return hash.digest('hex');
}

/** The image that is wanted beside those that are always there, or undefined. */
function wantedImage({ fill, write = '0' }) {
  if (fill === undefined) return undefined;
  const [fillMib, writeMib] = [Number(fill), Number(write)];
  if (!(Number.isInteger(fillMib) && fillMib >= 2 && Number.isInteger(writeMib) && writeMib >= 0)) throw new Error('--fill takes MiB from 2, --write MiB per second from 0');
  return { name: `guest-${fillMib}${writeMib === 0 ? '' : `-writing-${writeMib}`}`, fillMib, writeMib };
}

if (process.argv[1] !== undefined && import.meta.url === pathToFileURL(process.argv[1]).href) {
  const { values } = parseArgs({ options: { refresh: { type: 'boolean' }, fill: { type: 'string' }, write: { type: 'string' } } });
  const wanted = wantedImage(values);
  const images = wanted === undefined ? IMAGES : [wanted];
  if (values.refresh || !guestIsCurrent(images)) buildGuest({ refresh: values.refresh, images });
  if (wanted !== undefined) process.stdout.write(`${join(GUEST_DIR, `${wanted.name}.raw`)}\n`);
}
