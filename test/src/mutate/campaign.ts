import { decodeManifestPublic, packKeyOf } from '@godwit/snapshot';
import { judge, type Judgement } from './judge.ts';
import { judgeLarge } from './large.ts';
import { flips, frameSwaps, gone, isManifest, partsOf, singles, swaps, type Mutation } from './mutations.ts';
import { largeRepository, smallRepository, type Checkpoint, type Repository } from './repository.ts';

export interface Tally {
  mutations: number;
  refused: number;
  plaintextBytesReleased: number;
  unexpectedFaults: number;
}

export interface Campaign extends Tally {
  readonly seed: string;
  readonly kinds: Record<string, Tally>;
  /** What went wrong, at most twenty. */
  readonly failures: string[];
}

export interface CampaignSize {
  readonly seed: string;
  /** Each so-manieth byte of the small repository, each so-manieth pair of frames. */
  readonly everyByte: number;
  readonly everyPair: number;
  readonly largeBytes: number;
  readonly largeBits: number;
  readonly onProgress?: (campaign: Campaign) => void;
}

export const fullSize = { everyByte: 1, everyPair: 1, largeBytes: 64 * 1024 * 1024, largeBits: 10_000 };

export async function runCampaign(size: CampaignSize): Promise<Campaign> {
  const campaign: Campaign = { seed: size.seed, ...emptyTally(), kinds: {}, failures: [] };
  const small = await smallRepository(size.seed);
  await mustBeGood(small);
  const parts = partsOf(small);
  const readers = readersOf(small);
  for (const mutation of [flips(small, parts, size.everyByte), singles(small), swaps(small), frameSwaps(small, parts, size.everyPair), gone(small)].flatMap((all) => [...all])) {
    const heads = new Set([...mutation.changes.keys()].flatMap((key) => readers.get(key) ?? []));
    count(campaign, mutation, await judge(small, mutation.changes, [...heads]));
    size.onProgress?.(campaign);
  }
  await mustBeGood(small);
  const large = await largeRepository(size.seed, size.largeBytes);
  for await (const [mutation, judgement] of judgeLarge(large, size.seed, size.largeBits)) {
    count(campaign, mutation, judgement);
    size.onProgress?.(campaign);
  }
  return campaign;
}

/** What is refused in a repository that is refused anyway tells nothing. */
async function mustBeGood(repository: Repository): Promise<void> {
  const { refused, unexpected, plaintextBytesReleased } = await judge(repository, new Map(), repository.lines.map((line) => line.at(-1)!));
  if (refused || unexpected !== undefined || plaintextBytesReleased !== 0) throw new Error(`the repository is not good without any change: ${unexpected ?? 'refused'}`);
}

/** For each object, the checkpoint whose reading and verifying meets it: the newest that needs it, of the first line that has it. */
function readersOf({ store, lines }: Repository): Map<string, Checkpoint[]> {
  const readers = new Map<string, Checkpoint[]>();
  for (const key of store.objects.keys()) {
    const needs = ({ key: own }: Checkpoint): boolean => own === key || (!isManifest(key) && decodeManifestPublic(store.objects.get(own)!).packs.some((pack) => packKeyOf(pack) === key));
    const line = lines.find((checkpoints) => checkpoints.some(needs))!;
    // An older manifest is read through the one that names it, and by itself where it is resumed as a fork.
    const newest = line.findLast(needs)!;
    readers.set(key, [...new Set(isManifest(key) ? [newest, line.at(-1)!] : [newest])]);
  }
  return readers;
}

function count(campaign: Campaign, { kind, what }: Mutation | { readonly kind: string; readonly what: string }, { refused, plaintextBytesReleased, unexpected }: Judgement): void {
  campaign.kinds[kind] ??= emptyTally();
  for (const tally of [campaign, campaign.kinds[kind]]) {
    tally.mutations += 1;
    tally.refused += refused ? 1 : 0;
    tally.plaintextBytesReleased += plaintextBytesReleased;
    tally.unexpectedFaults += unexpected === undefined ? 0 : 1;
  }
  if (!refused && campaign.failures.length < 20) campaign.failures.push(`${kind}, ${what}: ${unexpected ?? (plaintextBytesReleased > 0 ? `${plaintextBytesReleased} bytes released` : 'not refused')}`);
}

function emptyTally(): Tally {
  return { mutations: 0, refused: 0, plaintextBytesReleased: 0, unexpectedFaults: 0 };
}
