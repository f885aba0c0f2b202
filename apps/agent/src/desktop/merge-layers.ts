import { open } from 'node:fs/promises';
import { mergeImages } from '../machine/image-tool.ts';
import type { Host } from './host.ts';
import type { LocalDesktop } from './local-desktop.ts';

/** Layers of a disk that are in no checkpoint yet, before they become one: each capture that did not get into the store left one. */
const layersMax = 8;

/**
 * Keeps the chains of a desktop without a machine short: the layers that are in no checkpoint become the lowest of them. What the chain
 * says of the disk is the same at every moment, so whatever dies in between, nothing is lost. Where it fails they stay as they are.
 */
export async function mergeLayers(host: Host, desktop: LocalDesktop): Promise<void> {
  const { disks } = desktop.record;
  if (disks.every(({ layers, committedLayers }) => layers.length - committedLayers <= layersMax)) return;
  try {
    for (const { layers, committedLayers } of disks) {
      const paths = layers.slice(committedLayers).map(({ file }) => desktop.path(file));
      await mergeImages(paths);
      await using lowest = await open(paths[0]!, 'r');
      await lowest.sync();
    }
    await desktop.update({ disks: disks.map((disk) => ({ ...disk, layers: disk.layers.slice(0, disk.committedLayers + 1) })) });
    await desktop.reconcileLayers(undefined);
  } catch (error) {
    host.log.warn('layers-not-merged', { desktop: desktop.record.desktopId, error });
  }
}
