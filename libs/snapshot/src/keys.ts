import { ByteWriter, Fault, idToBytes, type DesktopId } from '@godwit/base';
import { epochKeys, manifestKey, packKeys, type PackKeys, type Secret } from '@godwit/crypto';

/** The keys of one desktop, by the epoch in which and the key generation under which something was written. */
export interface DesktopKeys {
  readonly desktopId: DesktopId;
  /** `seal` is the epoch key that pack and manifest keys come from. MANIFEST_INVALID for a generation that this host was not given. */
  keyOf(epoch: number, keyGeneration: number): { readonly seal: Secret };
}

/** `generations`: the desktop key of each generation (u32, from 1). Epoch keys are derived once and kept. */
export function desktopKeys(desktopId: DesktopId, generations: ReadonlyMap<number, Secret>): DesktopKeys {
  const derived = new Map<string, { readonly seal: Secret }>();
  return {
    desktopId,
    keyOf(epoch, keyGeneration) {
      const name = `${epoch}/${keyGeneration}`;
      const known = derived.get(name);
      if (known !== undefined) return known;
      const key = generations.get(keyGeneration);
      if (key === undefined) throw new Fault('MANIFEST_INVALID', { expected: 'a key generation that this host holds', found: `generation ${keyGeneration}` });
      const keys = epochKeys(key, desktopId, epoch);
      derived.set(name, keys);
      return keys;
    },
  };
}

/** Keys of the pack whose context (header without commitment) is `context`. */
export function keysOfPack(keys: DesktopKeys, epoch: number, keyGeneration: number, context: Buffer): PackKeys {
  return packKeys(keys.keyOf(epoch, keyGeneration).seal, context);
}

/** The key of one manifest's private part. The commit id is random and never used again, so the key is too. */
export function keyOfManifest(keys: DesktopKeys, place: { readonly epoch: number; readonly keyGeneration: number; readonly sequence: number; readonly hostId: string; readonly commitId: string }): Secret {
  const context = new ByteWriter(16 + 4 + 8 + 8 + 16 + 16)
    .put(idToBytes(keys.desktopId))
    .u32(place.keyGeneration)
    .u64(place.epoch)
    .u64(place.sequence)
    .put(Buffer.from(place.hostId, 'hex'))
    .put(Buffer.from(place.commitId, 'hex'))
    .finish();
  return manifestKey(keys.keyOf(place.epoch, place.keyGeneration).seal, context);
}
