import { Fault, type DesktopId, type FaultCode, type PackId } from '@godwit/base';
import { sha256 } from '@godwit/crypto';
import { CheckpointReader } from './checkpoint-reader.ts';
import { inOrder } from './in-flight.ts';
import { keysAs, type DesktopKeys } from './keys.ts';
import type { Leaf } from './leaf.ts';
import { leafPages } from './limits.ts';
import { decodeManifestPublic, forkKeyOf, packKeyOf, parentKeyOf, type ManifestPack, type ManifestPublic } from './manifest.ts';
import type { FramePlace } from './pack-format.ts';
import type { WholePack } from './verify-pack.ts';
import { VerifyPool } from './verify-pool.ts';
import type { ObjectStore } from './store/object-store.ts';

export interface VerifyOptions {
  readonly store: ObjectStore;
  readonly keys: DesktopKeys;
  /** The newest manifest, from the coordinator or from memory. */
  readonly head: Buffer;
  /** The Ed25519 key of the device that wrote this manifest, from the device chain; throws when it may not write. */
  readonly signerPublicOf: (manifest: ManifestPublic) => Buffer | Promise<Buffer>;
  /** Also open every frame, decompress it and compare its pages with the page table. */
  readonly data: boolean;
  /** Checkpoints to walk at most; all unless told. */
  readonly checkpoints?: number;
  readonly onProgress?: (seen: VerifyCounts) => void;
}

export interface VerifyCounts {
  readonly checkpoints: number;
  readonly packs: number;
  readonly leaves: number;
  /** Opened: leaves and roots are not among them. */
  readonly frames: number;
  /** In opened frames, also those that were written over since. */
  readonly pages: number;
  /** Of packs and manifests. */
  readonly bytes: number;
}

export interface VerifyDamage {
  /** The object's key. */
  readonly subject: string;
  readonly code: FaultCode;
  readonly message: string;
}

export interface VerifyReport extends VerifyCounts {
  /** Nothing is missing and nothing is damaged. */
  readonly ok: boolean;
  /** Keys of packs that a checkpoint needs and the store does not have. */
  readonly missing: readonly string[];
  readonly damaged: readonly VerifyDamage[];
  /** Keys of the manifests of other desktops that the line was forked from, newest first. They are looked at like the desktop's own. */
  readonly forkedFrom: readonly string[];
  /** Key of the manifest where the line could not be followed further back: pruned, or hidden. Absent when its beginning was reached. */
  readonly endsBefore?: string;
}

/**
 * Looks at a desktop from its head back, through forks into the desktops that they came from: signatures, parents by digest, page tables, every pack by the digest of its ciphertext
 * and its footer, with `data` every page. Damage and absence are collected, not thrown; other faults of the store are thrown.
 */
export async function verifyDesktop(options: VerifyOptions): Promise<VerifyReport> {
  const walk = new Walk(options);
  await walk.line();
  await walk.packs();
  await walk.tables();
  return walk.report();
}

/** A manifest of the line that is to be looked at next, and the one that names it. */
interface Before {
  readonly key: string;
  readonly bytes: Buffer;
  readonly desktopId: DesktopId;
  readonly child?: ManifestPublic;
}

/** A checkpoint writes packs of its own desktop only: those of others it has from the checkpoint before it. */
function checkBorrowed(child: ManifestPublic, before: ManifestPublic): void {
  const listed = new Set(before.packs.map(({ packId }) => packId));
  const strange = child.packs.find((pack) => pack.desktopId !== child.desktopId && !listed.has(pack.packId));
  if (strange !== undefined) throw new Fault('MANIFEST_INVALID', { expected: 'packs of other desktops from the checkpoint before', found: packKeyOf(strange) });
}

class Walk {
  readonly #options: VerifyOptions;
  readonly #seen = { checkpoints: 0, packs: 0, leaves: 0, frames: 0, pages: 0, bytes: 0 };
  readonly #missing = new Set<string>();
  readonly #damaged = new Map<string, VerifyDamage>();
  readonly #readers: { readonly key: string; readonly reader: CheckpointReader }[] = [];
  readonly #packs = new Map<PackId, ManifestPack>();
  readonly #contents = new Map<PackId, WholePack>();
  readonly #forkedFrom: string[] = [];
  #endsBefore: string | undefined;

  constructor(options: VerifyOptions) {
    this.#options = options;
  }

  /** Manifests and roots, from the head back. */
  async line(): Promise<void> {
    const { store, keys } = this.#options;
    let next: Before | undefined = { key: 'head', bytes: this.#options.head, desktopId: keys.desktopId };
    while (next !== undefined && this.#seen.checkpoints < (this.#options.checkpoints ?? Infinity)) {
      const { key, bytes, desktopId, child } = next;
      next = undefined;
      await this.#collect(key, async () => {
        const manifest = decodeManifestPublic(bytes);
        this.#seen.bytes += bytes.length;
        const reader = await CheckpointReader.open({ store, keys: keysAs(keys, desktopId), manifest: bytes, signerPublic: await this.#signerPublic(manifest) });
        this.#seen.checkpoints += 1;
        this.#readers.push({ key, reader });
        for (const pack of manifest.packs) this.#notePack(key, pack);
        if (child !== undefined) checkBorrowed(child, manifest);
        next = await this.#before(manifest);
      });
      this.#progress();
    }
  }

  /** Every pack once: whole, by digest, footer, and with `data` each frame. */
  async packs(): Promise<void> {
    const { store, keys, data } = this.#options;
    const pool = new VerifyPool(keys, data, [...this.#packs.values()].reduce((sum, pack) => sum + pack.lengthBytes, 0));
    try {
      await this.#packsThrough(pool, store);
    } finally {
      await pool.close();
    }
  }

  async #packsThrough(pool: VerifyPool, store: ObjectStore): Promise<void> {
    const tasks = [...this.#packs.values()].map((pack) => async () => {
      const key = packKeyOf(pack);
      await this.#collect(key, async () => {
        const bytes = await store.get(key);
        const { length } = bytes;
        const content = await pool.check(bytes, pack);
        this.#contents.set(pack.packId, content);
        this.#seen.bytes += length;
        this.#seen.packs += 1;
        this.#seen.frames += content.openedFrames;
        this.#seen.pages += content.openedPages;
      });
      this.#progress();
    });
    const checked = inOrder(tasks, pool.atOnce);
    while ((await checked.next()).done !== true);
  }

  /** Every leaf once: it decodes, and each page lies where it says. */
  async tables(): Promise<void> {
    const checked = new Set<string>();
    for (const { key, reader } of this.#readers) {
      for (const { regionId, leaves } of reader.root.regions) {
        for (const [leafIndex, entry] of leaves.entries()) {
          const name = entry === undefined ? undefined : `${entry.location.packId}/${entry.location.frameIndex}`;
          if (entry === undefined || name === undefined || checked.has(name)) continue;
          checked.add(name);
          await this.#collect(key, async () => {
            this.#checkPlace(entry.location.packId, entry.location, 'leaf');
            this.#checkLeaf(await reader.leaf(regionId, leafIndex), reader.region(regionId).kind);
            this.#seen.leaves += 1;
          });
        }
      }
      this.#progress();
    }
  }

  report(): VerifyReport {
    const missing = [...this.#missing].sort();
    const damaged = [...this.#damaged.values()];
    return { ok: missing.length === 0 && damaged.length === 0, ...this.#seen, missing, damaged, forkedFrom: this.#forkedFrom, ...(this.#endsBefore === undefined ? {} : { endsBefore: this.#endsBefore }) };
  }

  /** Whoever is named and may not write has not signed. */
  async #signerPublic(manifest: ManifestPublic): Promise<Buffer> {
    try {
      return await this.#options.signerPublicOf(manifest);
    } catch (error) {
      throw error instanceof Fault && error.kind !== 'unavailable' ? new Fault('SIGNATURE_INVALID', { subject: 'manifest', expected: 'a device of the account', found: manifest.hostId, cause: error }) : error;
    }
  }

  async #before(manifest: ManifestPublic): Promise<Before | undefined> {
    const { parent, forkedFrom } = manifest;
    const reference = parent ?? forkedFrom;
    if (reference === undefined) return undefined;
    const key = forkedFrom === undefined ? parentKeyOf(manifest, reference) : forkKeyOf(forkedFrom);
    if (forkedFrom !== undefined) this.#forkedFrom.push(key);
    let bytes: Buffer;
    try {
      bytes = await this.#options.store.get(key);
    } catch (error) {
      if (!(error instanceof Fault) || error.code !== 'OBJECT_MISSING') throw error;
      this.#endsBefore = key;
      return undefined;
    }
    if (!sha256(bytes).equals(reference.digest)) {
      this.#note(new Fault('MANIFEST_INVALID', { subject: key, expected: 'the digest that its child names' }), key);
      return undefined;
    }
    return { key, bytes, desktopId: forkedFrom?.desktopId ?? manifest.desktopId, child: manifest };
  }

  #notePack(key: string, pack: ManifestPack): void {
    const known = this.#packs.get(pack.packId);
    if (known !== undefined && (!known.digest.equals(pack.digest) || packKeyOf(known) !== packKeyOf(pack))) {
      this.#note(new Fault('MANIFEST_INVALID', { subject: key, expected: `pack ${pack.packId} as its children list it` }), key);
    }
    this.#packs.set(pack.packId, pack);
  }

  #checkLeaf(leaf: Leaf, kind: string): void {
    for (const frame of leaf.frames) this.#checkPlace(frame.packId, frame, kind);
    if (!this.#options.data) return;
    for (let at = 0; at < leaf.references.length; at += 1) {
      const frame = leaf.frames[leaf.references[at]! - 1];
      const content = frame === undefined ? undefined : this.#contents.get(frame.packId);
      if (frame === undefined || content === undefined) continue;
      const page = leaf.leafIndex * leafPages + at;
      const opened = content.pagesOf[frame.frameIndex];
      if (opened?.regionId !== leaf.regionId || opened.pages[leaf.slots[at]!] !== page) {
        throw new Fault('TABLE_CORRUPT', { subject: `region ${leaf.regionId}`, expected: `page ${page} in slot ${leaf.slots[at]} of frame ${frame.frameIndex}`, found: `page ${opened?.pages[leaf.slots[at]!]}` });
      }
    }
  }

  /** What the table says of a frame is what its pack's footer says. Packs that could not be read are reported already. */
  #checkPlace(packId: PackId, place: FramePlace, kind: string): void {
    const content = this.#contents.get(packId);
    if (content === undefined) return;
    const entry = content.frames[place.frameIndex];
    const same =
      entry?.kind === kind && entry.offsetBytes === place.offsetBytes && entry.sealedBytes === place.sealedBytes && entry.plainBytes === place.plainBytes && entry.compressed === place.compressed;
    if (!same) throw new Fault('TABLE_CORRUPT', { subject: packId, expected: `${kind} frame ${place.frameIndex} at ${place.offsetBytes}`, found: 'another one in the footer' });
  }

  /** Runs `action`; what is missing or damaged goes into the report. */
  async #collect(subject: string, action: () => Promise<void>): Promise<void> {
    try {
      await action();
    } catch (error) {
      this.#note(error, subject);
    }
  }

  #note(error: unknown, subject: string): void {
    if (!(error instanceof Fault)) throw error;
    if (error.code === 'DATA_MISSING' || error.code === 'OBJECT_MISSING') this.#missing.add(error.subject ?? subject);
    else if (error.kind === 'corrupt' || error.code === 'SIGNATURE_INVALID') {
      if (!this.#damaged.has(`${subject}/${error.code}`)) this.#damaged.set(`${subject}/${error.code}`, { subject, code: error.code, message: error.message });
    } else throw error;
  }

  #progress(): void {
    this.#options.onProgress?.({ ...this.#seen });
  }
}
