import { open } from 'node:fs/promises';
import type { CheckpointWriter, Region } from '@godwit/snapshot';
import { mapImage } from '../machine/image-tool.ts';
import { newestPages, type PageSource } from './disk-extents.ts';

export interface FrozenLayer {
  readonly path: string;
  readonly format: 'qcow2' | 'raw';
}

/** Pages read at once: one full frame. */
const pagesPerRead = 4;

/**
 * Writes what frozen layers (bottom first) say of one disk into the checkpoint. Pages that none of them has stay as in the
 * parent. Returns how many pages held data. `onRead` is told how many bytes of data more were read.
 */
export async function captureDisk(region: Region, layers: readonly FrozenLayer[], writer: CheckpointWriter, onRead: (lengthBytes: number) => void = () => undefined): Promise<number> {
  const pages = newestPages(await Promise.all(layers.map((layer) => mapImage(layer.path, layer.format))), region.pageBytes);
  const zero = pages.filter(({ layer }) => layer === undefined).map(({ page }) => page);
  writer.putZero(region.id, Uint32Array.from(zero));
  const files = await Promise.all(layers.map((layer) => open(layer.path, 'r')));
  let written = 0;
  try {
    const data = pages.filter((source) => source.layer !== undefined);
    for (let first = 0; first < data.length; first += pagesPerRead) written += await putRun(data.slice(first, first + pagesPerRead));
  } finally {
    await Promise.all(files.map((file) => file.close()));
  }
  return written;

  async function putRun(run: readonly PageSource[]): Promise<number> {
    const bytes = Buffer.alloc(run.length * region.pageBytes);
    // A short read leaves zeros: the file may end inside the last cluster.
    await Promise.all(run.map(({ layer, offsetBytes }, slot) => files[layer!]!.read(bytes, slot * region.pageBytes, region.pageBytes, offsetBytes)));
    await writer.putPages(region.id, Uint32Array.from(run, ({ page }) => page), bytes);
    onRead(bytes.length);
    return run.length;
  }
}
