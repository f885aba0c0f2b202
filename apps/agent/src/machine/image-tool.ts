import { execFile } from 'node:child_process';
import { readFile, writeFile } from 'node:fs/promises';
import { promisify } from 'node:util';
import { Fault } from '@godwit/base';
import { z } from 'zod';

const run = promisify(execFile);
/** `map` of a badly fragmented image prints about 150 bytes a line. */
const outputBytesMax = 256 * 2 ** 20;

/** A run of guest bytes of one image: where its data lies in the image file, or that it reads as zero. */
export interface Extent {
  readonly startBytes: number;
  readonly lengthBytes: number;
  /** False: this image says nothing about the run (its backing image would). */
  readonly present: boolean;
  readonly zero: boolean;
  /** Offset in the image file; only with data. */
  readonly offsetBytes: number | undefined;
}

const mapSchema = z.array(z.object({
  start: z.int().min(0),
  length: z.int().min(1),
  present: z.boolean(),
  zero: z.boolean(),
  data: z.boolean(),
  compressed: z.boolean().optional(),
  offset: z.int().min(0).optional(),
}));

const infoSchema = z.object({
  'virtual-size': z.int().min(0),
  'backing-filename': z.string().optional(),
  'format-specific': z.object({ data: z.object({ 'data-file': z.string().optional() }) }).optional(),
});

/** What `qemu-img` made of empty images, by their length: nothing else is in them. About 200 KiB each. */
const empties = new Map<number, Buffer>();
const emptiesMax = 16;

/**
 * A new empty qcow2 image, cluster size 64 KiB: one disk page of the checkpoint format. No backing file is named inside. Each resume and each
 * checkpoint needs one for each disk, so one of a length that was made before is a copy: starting `qemu-img` four times took a seventh of a resume. Throws
 * DISK_FULL, IMAGE_UNUSABLE, QEMU_MISSING.
 */
export async function createImage(path: string, lengthBytes: number): Promise<void> {
  const known = empties.get(lengthBytes);
  if (known !== undefined) return copyOf(known, path);
  await imageTool(['create', '-q', '-f', 'qcow2', '-o', 'cluster_size=65536,lazy_refcounts=off', path, String(lengthBytes)], path);
  if (empties.size < emptiesMax) empties.set(lengthBytes, await readFile(path));
}

async function copyOf(image: Buffer, path: string): Promise<void> {
  try {
    await writeFile(path, image, { mode: 0o600 });
  } catch (error) {
    if (error instanceof Error && 'code' in error && error.code === 'ENOSPC') throw new Fault('DISK_FULL', { subject: path, cause: error });
    throw error;
  }
}

/**
 * Converts any image that qemu-img reads into a qcow2 of ours at `to`, `lengthBytes` large. Throws IMAGE_UNUSABLE. An image that names
 * other files is refused: a downloaded one could name any file of this host, and the guest would read it.
 */
export async function importImage(from: string, to: string, lengthBytes: number): Promise<void> {
  const { virtualBytes, otherFile } = await imageInfo(from);
  if (otherFile !== undefined) throw new Fault('IMAGE_UNUSABLE', { subject: from, expected: 'an image that stands alone', found: `one that names ${otherFile}`, hint: 'flatten it with `qemu-img convert`' });
  if (virtualBytes > lengthBytes) throw new Fault('IMAGE_UNUSABLE', { subject: from, expected: `at most the disk's ${lengthBytes} bytes`, found: `${virtualBytes} bytes`, hint: 'give a larger --disk' });
  await imageTool(['convert', '-O', 'qcow2', '-o', 'cluster_size=65536', from, to], from);
  if (virtualBytes < lengthBytes) await imageTool(['resize', '-q', to, String(lengthBytes)], to);
}

/** Virtual size in bytes of the image at `path`. Throws IMAGE_UNUSABLE. */
export async function imageBytes(path: string): Promise<number> {
  return (await imageInfo(path)).virtualBytes;
}

async function imageInfo(path: string): Promise<{ virtualBytes: number; otherFile: string | undefined }> {
  const info = infoSchema.parse(JSON.parse(await imageTool(['info', '--output=json', path], path)));
  return { virtualBytes: info['virtual-size'], otherFile: info['backing-filename'] ?? info['format-specific']?.data['data-file'] };
}

/** The extents of one image by itself, in order. `-U`: QEMU may still have it open, frozen. */
export async function mapImage(path: string, format: 'qcow2' | 'raw'): Promise<Extent[]> {
  const extents = mapSchema.parse(JSON.parse(await imageTool(['map', '--output=json', '-U', '-f', format, path], path)));
  return extents.map((extent) => {
    if (extent.data && (extent.offset === undefined || extent.compressed === true)) throw new Fault('IMAGE_UNUSABLE', { subject: path, expected: 'plain clusters', found: 'compressed or remote ones' });
    return { startBytes: extent.start, lengthBytes: extent.length, present: extent.present, zero: extent.zero, offsetBytes: extent.data ? extent.offset : undefined };
  });
}

/** Writes what the qcow2 images above say into the lowest, which may be raw (bottom first, none in use). What they say together is the same before, after and meanwhile. */
export async function mergeImages(images: readonly { readonly path: string; readonly format: 'qcow2' | 'raw' }[]): Promise<void> {
  for (let top = images.length - 1; top > 0; top -= 1) {
    const { path, format } = images[top - 1]!;
    // Zeros that are written take no room.
    const below = { driver: format, file: { driver: 'file', filename: path, discard: 'unmap' }, discard: 'unmap', 'detect-zeroes': 'unmap', ...(format === 'raw' ? {} : { backing: null }) };
    const above = { driver: 'qcow2', file: { driver: 'file', filename: images[top]!.path }, backing: below };
    // -d: the upper one is not emptied, it goes as a whole.
    await imageTool(['commit', '-q', '-d', `json:${JSON.stringify(above)}`], images[top]!.path);
  }
}

async function imageTool(argv: readonly string[], subject: string): Promise<string> {
  try {
    const { stdout } = await run('qemu-img', argv, { maxBuffer: outputBytesMax });
    return stdout;
  } catch (error) {
    if (error instanceof Error && 'code' in error && error.code === 'ENOENT') throw new Fault('QEMU_MISSING', { subject: 'qemu-img', cause: error });
    const said = error instanceof Error && 'stderr' in error ? String(error.stderr).trim().split('\n').at(-1) ?? '' : '';
    if (said.includes('No space left')) throw new Fault('DISK_FULL', { subject, cause: error });
    throw new Fault('IMAGE_UNUSABLE', { subject, found: said, cause: error });
  }
}
