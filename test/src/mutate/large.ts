import { Fault } from '@godwit/base';
import { CheckpointReader, decodeManifestPublic, format, packKeyOf, type FrameLocation } from '@godwit/snapshot';
import { signerPublicOf, type Judgement } from './judge.ts';
import { isManifest } from './mutations.ts';
import { seededRandom, type Repository } from './repository.ts';

/**
 * Random bits of a large repository. Each pack that has one is read as verify reads it, and the frame that holds it as a resume does;
 * reading all of the rest again for each bit would tell nothing new.
 */
export async function* judgeLarge(repository: Repository, seed: string, bits: number): AsyncGenerator<[{ readonly kind: string; readonly what: string }, Judgement]> {
  const { store, lines } = repository;
  const [checkpoint] = lines[0]!;
  const manifest = store.objects.get(checkpoint!.key)!;
  const reader = await CheckpointReader.open({ store, keys: checkpoint!.keys, manifest, signerPublic: signerPublicOf(repository)(decodeManifestPublic(manifest)) });
  const frames = await framesByPack(reader);
  const packs = new Map(reader.manifest.public.packs.map((pack) => [packKeyOf(pack), pack]));
  const random = seededRandom(`${seed}/bits`);
  const objects = [...store.objects];
  const total = objects.reduce((sum, [, body]) => sum + body.length, 0);
  for (let number = 0; number < bits; number += 1) {
    let at = random(6).readUIntBE(0, 6) % total;
    const bit = number % 8;
    const [key, body] = objects.find(([, bytes]) => (at < bytes.length ? true : ((at -= bytes.length), false)))!;
    const flip = (): void => void (body[at] = body[at]! ^ (1 << bit));
    const frame = frames.get(key)?.find(({ offsetBytes, sealedBytes }) => at >= offsetBytes && at < offsetBytes + sealedBytes);
    const pack = packs.get(key);
    flip();
    const judgement = await refusedBy(async (released) => {
      if (isManifest(key)) await CheckpointReader.open({ store, keys: checkpoint!.keys, manifest: body, signerPublic: signerPublicOf(repository)(decodeManifestPublic(body)) });
      else format.readWholePack(body, pack!, checkpoint!.keys, true);
      released(body.length);
    }, async (released) => {
      if (frame !== undefined) released((await reader.readFrame(frame)).bytes.length);
      else throw new Fault('PACK_CORRUPT');
    });
    flip();
    yield [{ kind: `large: ${frame === undefined ? (isManifest(key) ? 'manifest' : 'pack, no page') : 'ram frame'}`, what: `bit ${bit} of byte ${at} of ${key}` }, judgement];
  }
}

async function framesByPack(reader: CheckpointReader): Promise<Map<string, FrameLocation[]>> {
  const frames = new Map<string, FrameLocation[]>();
  const keyOf = new Map(reader.manifest.public.packs.map((pack) => [pack.packId, packKeyOf(pack)]));
  for (const { regionId, leaves } of reader.root.regions) {
    for (const leafIndex of leaves.keys()) {
      for (const frame of (await reader.leaf(regionId, leafIndex)).frames) {
        const key = keyOf.get(frame.packId)!;
        frames.set(key, [...(frames.get(key) ?? []), frame]);
      }
    }
  }
  return frames;
}

/** Refused only if each of `reads` refuses. */
async function refusedBy(...reads: ((released: (lengthBytes: number) => void) => Promise<void>)[]): Promise<Judgement> {
  let [refusals, plaintextBytesReleased] = [0, 0];
  let unexpected: string | undefined;
  for (const read of reads) {
    try {
      await read((lengthBytes) => (plaintextBytesReleased += lengthBytes));
    } catch (error) {
      if (error instanceof Fault && (error.kind === 'corrupt' || error.kind === 'denied')) refusals += 1;
      else unexpected ??= String(error);
    }
  }
  return { refused: refusals === reads.length && plaintextBytesReleased === 0, plaintextBytesReleased, ...(unexpected === undefined ? {} : { unexpected }) };
}
