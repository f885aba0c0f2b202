import { Fault, type FaultKind } from '@godwit/base';
import { CheckpointReader, decodeManifestPublic, leafCountOf, packKeyOf, pageOf, verifyDesktop, type ManifestPublic, type ObjectStore } from '@godwit/snapshot';
import type { Checkpoint, Repository } from './repository.ts';

/** New contents of objects by key; undefined where the object is gone. */
export type Changes = ReadonlyMap<string, Buffer | undefined>;

export interface Judgement {
  readonly refused: boolean;
  /** Bytes of pages that came out of changed bytes, or are not what was written. */
  readonly plaintextBytesReleased: number;
  /** What was thrown and is no fault of bytes: a crash, a defect, a wrong code. */
  readonly unexpected?: string;
}

/** What bytes of a hostile store may answer with. */
const expectedKinds: ReadonlySet<FaultKind> = new Set(['corrupt', 'denied', 'unavailable']);

export function signerPublicOf({ devices }: Repository): (manifest: ManifestPublic) => Buffer {
  return ({ hostId }) => {
    const writer = devices.find((device) => device.hostId === hostId);
    if (writer === undefined) throw new Fault('SIGNATURE_INVALID', { subject: hostId, expected: 'a device of the account' });
    return writer.signPublic;
  };
}

/** Everything that a resume of `checkpoint` reads, page by page. Tells `released` of each byte that it should not have had. */
export async function resume(repository: Repository, checkpoint: Checkpoint, store: ObjectStore, released: (lengthBytes: number) => void, touched: (key: string, from: number, to: number) => boolean): Promise<void> {
  const bytes = await store.get(checkpoint.key);
  const told = decodeManifestPublic(bytes);
  const reader = await CheckpointReader.open({ store, keys: checkpoint.keys, manifest: bytes, signerPublic: signerPublicOf(repository)(told), key: checkpoint.key });
  const { epoch, sequence } = reader.manifest.public;
  // What a host remembers of a desktop: an older checkpoint is refused by name.
  if (epoch < checkpoint.epoch || sequence < checkpoint.sequence) throw new Fault('MANIFEST_INVALID', { expected: `checkpoint ${checkpoint.sequence} of epoch ${checkpoint.epoch}`, found: `checkpoint ${sequence} of epoch ${epoch}` });
  if (!reader.contract.equals(checkpoint.contract)) released(reader.contract.length);
  const keyOfPack = new Map(reader.manifest.public.packs.map((pack) => [pack.packId, packKeyOf(pack)]));
  await reader.loadLeaves();
  for (const region of reader.regions) {
    const expected = checkpoint.pages.get(region.id) ?? new Map<number, Buffer>();
    const leaves = await Promise.all(Array.from({ length: leafCountOf(region) }, async (_, leafIndex) => await reader.leaf(region.id, leafIndex)));
    let found = 0;
    for await (const frame of reader.readFrames(leaves.flatMap((leaf) => leaf.frames))) {
      const { packId, offsetBytes, sealedBytes } = frame.location;
      if (touched(keyOfPack.get(packId)!, offsetBytes, offsetBytes + sealedBytes)) released(frame.bytes.length);
      for (const slot of await reader.livePages(frame)) {
        found += 1;
        const page = pageOf(frame, slot);
        if (expected.get(frame.pages[slot]!)?.equals(page) !== true) released(page.length);
      }
    }
    if (found !== expected.size) throw new Fault('INTERNAL', { expected: `${expected.size} pages of region ${region.id}`, found: `${found}` });
  }
}

/** Does the change, reads and verifies, and undoes it. */
export async function judge(repository: Repository, changes: Changes, heads: readonly Checkpoint[]): Promise<Judgement> {
  const { objects } = repository.store;
  const before = new Map([...changes.keys()].map((key) => [key, objects.get(key)]));
  const put = (key: string, body: Buffer | undefined): void => {
    if (body === undefined) objects.delete(key);
    else objects.set(key, body);
  };
  for (const [key, body] of changes) put(key, body);
  const verdict = new Verdict();
  const touched = (key: string, from: number, to: number): boolean => {
    const [original, changed] = [before.get(key), changes.get(key)];
    return original !== undefined && changed !== undefined && !original.subarray(from, to).equals(changed.subarray(from, to));
  };
  try {
    for (const head of heads) {
      await verdict.of(async () => await resume(repository, head, repository.store, (lengthBytes) => (verdict.released += lengthBytes), touched));
      await verdict.of(async () => await verified(repository, head, changes));
    }
  } finally {
    for (const [key, body] of before) put(key, body);
  }
  return { refused: verdict.refusals > 0 && verdict.released === 0 && verdict.unexpected === undefined, plaintextBytesReleased: verdict.released, ...(verdict.unexpected === undefined ? {} : { unexpected: verdict.unexpected }) };
}

/** Throws what verify finds. An older manifest that is gone may have been pruned: it is named, and that is all. */
async function verified(repository: Repository, head: Checkpoint, changes: Changes): Promise<void> {
  const { store } = repository;
  const report = await verifyDesktop({ store, keys: head.keys, head: await store.get(head.key), data: true, signerPublicOf: signerPublicOf(repository) });
  const [damage] = report.damaged;
  if (damage !== undefined) throw new Fault(damage.code);
  if (report.missing.length > 0) throw new Fault('DATA_MISSING', { subject: report.missing.join() });
  if (report.endsBefore !== undefined && changes.has(report.endsBefore)) throw new Fault('DATA_MISSING', { subject: report.endsBefore });
}

class Verdict {
  refusals = 0;
  released = 0;
  unexpected: string | undefined;

  async of(action: () => Promise<void>): Promise<void> {
    try {
      await action();
    } catch (error) {
      if (error instanceof Fault && expectedKinds.has(error.kind)) this.refusals += 1;
      else this.unexpected ??= error instanceof Fault ? `${error.code}: ${error.message}` : String(error);
    }
  }
}
