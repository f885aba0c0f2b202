import { ByteWriter, Fault, idToBytes, type DesktopId } from '@godwit/base';
import { epochKeys, manifestKey, packKeys, type PackKeys, type Secret } from '@godwit/crypto';
import type { PackOrigin } from './pack-format.ts';

/** The keys of one desktop and of those that it was forked from, by the epoch and the key generation in which something was written. */
export interface DesktopKeys {
  /** Whose manifests these keys open and seal. Packs may also be of the desktops that it was forked from. */
  readonly desktopId: DesktopId;
  /** `seal` is the epoch key that pack and manifest keys come from. MANIFEST_INVALID for a desktop or generation that this host was not given. */
  keyOf(desktopId: DesktopId, epoch: number, keyGeneration: number): { readonly seal: Secret };
}

/** The desktop key of each generation (u32, from 1). */
export type Generations = ReadonlyMap<number, Secret>;

/** `generations`: of the desktop itself; `origins`: of each desktop whose packs a fork still refers to. Epoch keys are derived once and kept. */
export function desktopKeys(desktopId: DesktopId, generations: Generations, origins: ReadonlyMap<DesktopId, Generations> = new Map()): DesktopKeys {
  const held = new Map([...origins, [desktopId, generations]]);
  const derived = new Map<string, { readonly seal: Secret }>();
  return {
    desktopId,
    keyOf(owner, epoch, keyGeneration) {
      const name = `${owner}/${epoch}/${keyGeneration}`;
      const known = derived.get(name);
      if (known !== undefined) return known;
      const key = held.get(owner)?.get(keyGeneration);
      if (key === undefined) throw new Fault('MANIFEST_INVALID', { expected: 'a desktop and key generation that this host holds', found: `generation ${keyGeneration} of desktop ${owner}` });
      const keys = epochKeys(key, owner, epoch);
      derived.set(name, keys);
      return keys;
    },
  };
}

/** The same keys, to open the manifests of another of their desktops: the one that a fork came from. */
export function keysAs(keys: DesktopKeys, desktopId: DesktopId): DesktopKeys {
  return { desktopId, keyOf: (owner, epoch, keyGeneration) => keys.keyOf(owner, epoch, keyGeneration) };
}

/** Keys of the pack whose context (header without commitment) is `context`. */
export function keysOfPack(keys: DesktopKeys, { desktopId, epoch, keyGeneration }: PackOrigin, context: Buffer): PackKeys {
  return packKeys(keys.keyOf(desktopId, epoch, keyGeneration).seal, context);
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
  return manifestKey(keys.keyOf(keys.desktopId, place.epoch, place.keyGeneration).seal, context);
}
