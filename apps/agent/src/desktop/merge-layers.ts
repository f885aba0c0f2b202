import { open } from 'node:fs/promises';
import { mergeImages } from '../machine/image-tool.ts';
import type { Host } from './host.ts';
import type { LocalDesktop } from './local-desktop.ts';
import { mergesDue, withoutMerged } from './shorten-chain.ts';

/**
 * Keeps the chains of a desktop without a machine short (with one: shorten-chain.ts). What the chain says of the disk is the same at every
 * moment, so whatever dies in between, nothing is lost. Where it fails they stay as they are.
 */
export async function mergeLayers(host: Host, desktop: LocalDesktop): Promise<void> {
  const due = mergesDue(desktop.record.disks, false);
  if (due.length === 0 || desktop.record.pending !== null) return;
  try {
    for (const { disk, files } of due) {
      const formats = new Map(desktop.record.disks[disk]!.layers.map(({ file, format }) => [file, format]));
      await mergeImages(files.map((file) => ({ path: desktop.path(file), format: formats.get(file)! })));
      await using lowest = await open(desktop.path(files[0]!), 'r');
      await lowest.sync();
      await desktop.update(({ disks }) => ({ disks: withoutMerged(disks, files[0]!, files.at(-1)!) }));
    }
    await desktop.reconcileLayers(undefined);
  } catch (error) {
    host.log.warn('layers-not-merged', { desktop: desktop.record.desktopId, error });
  }
}
