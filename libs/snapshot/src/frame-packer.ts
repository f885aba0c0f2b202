import type { PackId } from '@godwit/base';
import type { ManifestPack } from './manifest.ts';
import type { FrameKind } from './pack-format.ts';
import type { TableLocation } from './root.ts';

/** Frames in, packs in the store out: compresses, seals, checks and uploads. */
export interface FramePacker {
  /** One frame, whose plaintext is given away. Resolves when it has its place, which waits while too many packs are on their way. */
  append(kind: FrameKind, plain: Buffer): Promise<TableLocation>;
  /** All packs that were written; every one is in the store when it resolves. The last call, unless it fails. */
  finish(): Promise<ReadonlyMap<PackId, ManifestPack>>;
  /** Starts no more uploads and waits for those under way; never throws. */
  abort(reason: unknown): Promise<void>;
}
