// The guest's disk: a boot record, a small FAT partition that SeaBIOS and syslinux read, and an ext4 partition for data.
// Made without mounting anything, so it needs no rights. Equal inputs make equal bytes.
import { closeSync, ftruncateSync, openSync, readFileSync, writeFileSync, writeSync } from 'node:fs';
import { join } from 'node:path';
import { run } from './packages.mjs';

const SECTOR_BYTES = 512;
const MIB = 1024 * 1024;
const DISK_MIB = 128;
const BOOT_START_MIB = 1;
const BOOT_MIB = 31;
const DATA_START_MIB = 32;
const DATA_MIB = DISK_MIB - DATA_START_MIB;
/** Every time in the image; an image must not change because a day has passed. */
const EPOCH_SECONDS = 1_700_000_000;
const DATA_UUID = '67640001-6775-4573-8400-000000000001';

/**
 * Writes the sparse image `file`. `parts` = { kernel, initramfs, commandLine }: two Buffers and a string.
 * `rootDir` holds the unpacked syslinux and mtools, `workDir` takes what lies between.
 */
export function writeImage(file, parts, rootDir, workDir) {
  const disk = openSync(file, 'w');
  try {
    ftruncateSync(disk, DISK_MIB * MIB);
    writeSync(disk, bootRecord(readFileSync(join(rootDir, 'usr/lib/syslinux/mbr/mbr.bin'))), 0, SECTOR_BYTES, 0);
  } finally {
    closeSync(disk);
  }
  writeBootPartition(file, parts, rootDir, workDir);
  run('mke2fs', [
    '-q', '-F', '-t', 'ext4', '-b', '4096', '-m', '0', '-L', 'godwit-data', '-U', DATA_UUID,
    '-J', 'size=4', '-E', `offset=${DATA_START_MIB * MIB},hash_seed=${DATA_UUID},lazy_itable_init=0,lazy_journal_init=0`,
    file, `${DATA_MIB}M`,
  ], undefined, { E2FSPROGS_FAKE_TIME: String(EPOCH_SECONDS), PATH: `${process.env.PATH}:/usr/sbin:/sbin` });
}

/** The master boot record: syslinux's loader code and two primary partitions, the first one active. */
function bootRecord(code) {
  const record = Buffer.alloc(SECTOR_BYTES);
  code.copy(record, 0, 0, 440);
  record.writeUInt32LE(0x67640001, 440);
  partitionEntry(record, 446, 0x80, 0x0e, BOOT_START_MIB, BOOT_MIB);
  partitionEntry(record, 462, 0x00, 0x83, DATA_START_MIB, DATA_MIB);
  record.writeUInt16LE(0xaa55, 510);
  return record;
}

/** Cylinder addresses stay at their "beyond range" value: everything that reads this disk uses sector numbers. */
function partitionEntry(record, offset, active, type, startMib, lengthMib) {
  record.writeUInt8(active, offset);
  record.set([0xfe, 0xff, 0xff], offset + 1);
  record.writeUInt8(type, offset + 4);
  record.set([0xfe, 0xff, 0xff], offset + 5);
  record.writeUInt32LE((startMib * MIB) / SECTOR_BYTES, offset + 8);
  record.writeUInt32LE((lengthMib * MIB) / SECTOR_BYTES, offset + 12);
}

function writeBootPartition(file, parts, rootDir, workDir) {
  const tools = join(rootDir, 'usr/bin');
  const environment = {
    PATH: `${tools}:${process.env.PATH}`, SOURCE_DATE_EPOCH: String(EPOCH_SECONDS), MTOOLS_SKIP_CHECK: '1', MTOOLSRC: '/dev/null',
  };
  const target = `${file}@@${BOOT_START_MIB * MIB}`;
  run(join(tools, 'mformat'), [
    '-i', target, '-N', '67640001', '-v', 'GODWIT', '-h', '64', '-s', '32',
    '-T', String((BOOT_MIB * MIB) / SECTOR_BYTES), '-H', String((BOOT_START_MIB * MIB) / SECTOR_BYTES), '::',
  ], undefined, environment);
  run(join(tools, 'syslinux'), ['--install', '--offset', String(BOOT_START_MIB * MIB), file], undefined, environment);
  const config = [
    'DEFAULT godwit', 'PROMPT 0', 'TIMEOUT 0', 'NOESCAPE 1',
    'LABEL godwit', '  LINUX vmlinuz', '  INITRD initrd.img', `  APPEND ${parts.commandLine}`, '',
  ].join('\n');
  const files = { 'syslinux.cfg': config, vmlinuz: parts.kernel, 'initrd.img': parts.initramfs };
  for (const [name, content] of Object.entries(files)) {
    writeFileSync(join(workDir, name), content);
    run(join(tools, 'mcopy'), ['-i', target, join(workDir, name), `::${name}`], undefined, environment);
  }
}
