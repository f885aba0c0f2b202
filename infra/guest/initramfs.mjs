// The guest's initramfs: busybox, the init script and the few kernel modules it loads, as an uncompressed cpio archive.
import { readFileSync, readdirSync } from 'node:fs';
import { basename, join } from 'node:path';
import { run } from './packages.mjs';

/** Without these there is no disk. */
const DISK_MODULES = ['virtio_pci', 'virtio_blk', 'ext4', 'crc32c'];
/** The other devices of the machine contract that this kernel can drive, so that a capture holds drivers in use. */
const CONTRACT_MODULES = ['button', 'evdev', 'virtio_balloon', 'virtio_console', 'virtio-rng', 'virtio_net', 'vmgenid', 'i6300esb'];

/** Builds the archive out of the unpacked packages in `rootDir`. Returns its bytes. */
export function buildInitramfs(rootDir, kernelVersion, initScript) {
  const loadOrder = orderModules(join(rootDir, 'lib/modules', kernelVersion));
  const archive = new CpioArchive();
  for (const name of ['bin', 'dev', 'proc', 'sys', 'run', 'memory', 'disk', 'modules']) archive.directory(name);
  archive.file('bin/busybox', 0o755, readFileSync(join(rootDir, 'bin/busybox')));
  for (const module of loadOrder) archive.file(`modules/${module.name}.ko`, 0o644, module.bytes);
  archive.file('modules/order', 0o644, Buffer.from(loadOrder.map((module) => `${module.name}\n`).join('')));
  archive.file('init', 0o755, initScript);
  return archive.end();
}

/** Lists the wanted modules and all they need, each after what it needs. What is built into the kernel is left out. */
function orderModules(modulesDir) {
  const files = new Map();
  for (const entry of readdirSync(modulesDir, { recursive: true })) {
    const found = /([^/]+)\.ko(\.xz|\.zst|\.gz)?$/.exec(entry);
    if (found !== null) files.set(canonical(found[1]), join(modulesDir, entry));
  }
  const builtin = new Set(readFileSync(join(modulesDir, 'modules.builtin'), 'utf8').split('\n')
    .map((line) => canonical(basename(line, '.ko'))));
  const ordered = new Map();
  const add = (name, required) => {
    const key = canonical(name);
    if (ordered.has(key)) return;
    const file = files.get(key) ?? files.get(`${key}_generic`);
    if (file === undefined) {
      if (required && !builtin.has(key) && !builtin.has(`${key}_generic`)) throw new Error(`the kernel has no module ${name}`);
      return;
    }
    const bytes = readModule(file);
    const { depends, softDepends } = moduleInfo(bytes);
    for (const other of softDepends) add(other, false);
    for (const other of depends) add(other, true);
    ordered.set(key, { name: key, bytes });
  };
  for (const name of DISK_MODULES) add(name, true);
  for (const name of CONTRACT_MODULES) add(name, false);
  return [...ordered.values()];
}

/** The kernel takes `-` and `_` in module names for the same. */
function canonical(name) {
  return name.replaceAll('-', '_');
}

function readModule(file) {
  if (file.endsWith('.ko')) return readFileSync(file);
  const unpacker = file.endsWith('.xz') ? 'xz' : file.endsWith('.zst') ? 'zstd' : 'gzip';
  // To a file and not to a pipe, because `run` reads text.
  run(unpacker, ['-d', '-k', '-f', file]);
  return readFileSync(file.replace(/\.(xz|zst|gz)$/, ''));
}

/** Reads the names a module depends on from its `.modinfo` strings; `modules.dep` is only made on an installed system. */
function moduleInfo(bytes) {
  const text = bytes.toString('latin1');
  const depends = /\0depends=([^\0]*)\0/.exec(text)?.[1] ?? '';
  const soft = [...text.matchAll(/\0softdep=pre: ([^\0]*)\0/g)].map((found) => found[1].replace(/ post:.*/, ''));
  return {
    depends: depends.split(',').filter((name) => name !== ''),
    softDepends: soft.join(' ').split(' ').filter((name) => name !== ''),
  };
}

/** Writes the kernel's `newc` cpio format (Documentation/driver-api/early-userspace/buffer-format.rst). */
class CpioArchive {
  #pieces = [];
  #inode = 1;

  directory(name) {
    this.#entry(name, 0o040755, Buffer.alloc(0));
  }

  file(name, mode, bytes) {
    this.#entry(name, 0o100000 | mode, bytes);
  }

  end() {
    this.#entry('TRAILER!!!', 0, Buffer.alloc(0));
    return Buffer.concat(this.#pieces);
  }

  #entry(name, mode, bytes) {
    const nameBytes = Buffer.from(`${name}\0`);
    const fields = [this.#inode++, mode, 0, 0, 1, 0, bytes.length, 0, 0, 0, 0, nameBytes.length, 0];
    const header = Buffer.from(`070701${fields.map((field) => field.toString(16).padStart(8, '0')).join('')}`);
    this.#pieces.push(padded(Buffer.concat([header, nameBytes])), padded(bytes));
  }
}

function padded(bytes) {
  return Buffer.concat([bytes, Buffer.alloc((4 - (bytes.length % 4)) % 4)]);
}
