import { Fault, type CommitId } from '@godwit/base';
import type { DeviceSecrets } from '@godwit/crypto';
import type { DesktopKeys } from './keys.ts';
import { manifestKeyOf } from './manifest.ts';
import { openManifest, sealManifest, type Manifest } from './manifest-sealed.ts';

export interface ForkOptions {
  /** The checkpoint that is forked. */
  readonly from: Manifest;
  /** Of the new desktop. */
  readonly keys: DesktopKeys;
  /** Not below that of any pack of `from`. */
  readonly keyGeneration: number;
  /** The machine contract of the new desktop: that of `from` with another VM generation id. */
  readonly contract: Buffer;
  readonly signer: DeviceSecrets;
  readonly chain: { readonly length: number; readonly headHash: Buffer };
  readonly commitId: CommitId;
  readonly createdMs: number;
}

/**
 * The first manifest of a new desktop: sequence 1 of epoch 1, with all regions and pages of another desktop's checkpoint. It writes
 * nothing: the packs, the page table's root among them, are those of the checkpoint, by reference.
 */
export function forkManifest({ from, keys, keyGeneration, contract, signer, chain, commitId, createdMs }: ForkOptions): { readonly manifest: Buffer; readonly digest: Buffer; readonly key: string } {
  const { desktopId, epoch, sequence, hostId, packs } = from.public;
  if (desktopId === keys.desktopId) throw new Fault('VALUE_OUT_OF_RANGE', { expected: 'a fork of another desktop', found: desktopId });
  const forkedFrom = { desktopId, digest: from.digest, epoch, sequence, hostId, commitId: from.public.commitId };
  const content = { desktopId: keys.desktopId, sequence: 1, epoch: 1, keyGeneration, hostId: signer.hostId, commitId, forkedFrom, chain, createdMs, packs };
  const stats = { bytesScanned: 0, pauseMs: 0, pagesWritten: 0, pagesZero: 0, frames: 0, packs: 0, bytesUploaded: 0 };
  const { regions, root } = from.private;
  const manifest = sealManifest({ public: content, private: { contract, regions, root, stats } }, keys, signer.signSecret);
  // Read back before it is believed, as a reader would.
  const { digest } = openManifest(manifest, keys, signer.signPublic);
  return { manifest, digest, key: manifestKeyOf(content) };
}
