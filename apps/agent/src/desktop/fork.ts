import { Fault, newId, type CommitId, type DesktopId } from '@godwit/base';
import { sha256 } from '@godwit/crypto';
import { forkManifest, openManifest, type Manifest } from '@godwit/snapshot';
import { bytesOf, textOf, type ControlArguments, type ControlResult, type Desktop } from '@godwit/wire';
import { acceptHead } from '../account/accept-head.ts';
import type { Account } from '../account/account.ts';
import { decodeContract, encodeContract, randomUuid } from '../machine/contract.ts';
import { findDesktop } from './find-desktop.ts';
import { keysFor, type Host } from './host.ts';
import { signerOf } from './local-desktop.ts';

/** Characters of a desktop's name, as the coordinator takes it. */
const nameMax = 63;

/** A new desktop that begins with an older checkpoint of another one, free to be resumed anywhere. Copies no data, and changes nothing of the other. */
export async function fork(host: Host, { name, sequence, newName }: ControlArguments<'fork'>): Promise<ControlResult<'fork'>> {
  const from = await findDesktop(host.account, name);
  const { desktopId, origin, generationId } = await makeFork(host, from, sequence, { name: newName, ...newIds(host) });
  return { name, sequence, newName, desktopId, sharedBytes: bytesIn(origin), generationId };
}

/**
 * A fork that takes the name: the line as it is stays under another one until its user prunes it. Unless `confirmed`, only says what
 * would be given up. DESKTOP_IN_USE while any host holds the desktop.
 */
export async function rollback(host: Host, { name, sequence, confirmed }: ControlArguments<'rollback'>): Promise<ControlResult<'rollback'>> {
  const { coordinator } = host.account;
  const { desktops } = await coordinator.call('listDesktops', {});
  const from = await findDesktop(host.account, name);
  const { head, owner } = from;
  if (owner !== null) throw new Fault('DESKTOP_IN_USE', { subject: name, found: `it on ${owner.name}` });
  if (head === null) throw new Fault('DESKTOP_NEVER_SAVED', { subject: name });
  if (sequence === head.sequence) throw new Fault('VALUE_OUT_OF_RANGE', { subject: name, expected: `a checkpoint before the newest one, ${head.sequence}`, found: `${sequence}` });
  const target = await coordinator.call('readManifest', { params: { desktopId: from.desktopId, sequence: String(sequence) } });
  const keptAs = freeName(name, `before-${sequence}`, desktops);
  const givenUp = { checkpoints: await countAfter(host, from, sequence), spanMs: Math.max(0, head.acknowledgedMs - target.checkpoint.acknowledgedMs), newestMs: head.acknowledgedMs };
  if (!confirmed) return { name, sequence, keptAs, givenUp, done: false };
  await makeFork(host, from, sequence, { name, ...newIds(host) }, { keepAs: keptAs, expectedHeadDigest: head.digest });
  return { name, sequence, keptAs, givenUp, done: true };
}

interface Forked {
  readonly desktopId: DesktopId;
  readonly origin: Manifest;
  readonly generationId: string;
}

/** What a fork is to be. The same ids again mean the same fork. */
export interface ForkWish {
  readonly name: string;
  readonly desktopId: DesktopId;
  readonly commitId: CommitId;
  /** Of the machine; a new one unless told. */
  readonly generationId?: string;
  /** The digest that the checkpoint has to have. */
  readonly originDigest?: string;
}

/** A free desktop that begins with checkpoint `sequence` of `from`; with `replaces` it takes that one's name. */
export async function makeFork(host: Host, from: Desktop, sequence: number, wish: ForkWish, replaces: { keepAs: string; expectedHeadDigest: string } | null = null): Promise<Forked> {
  const { account, clock, random } = host;
  const chain = await account.refreshChain();
  const { checkpoint, manifest: text } = await account.coordinator.call('readManifest', { params: { desktopId: from.desktopId, sequence: String(sequence) } });
  const bytes = bytesOf(text);
  // Who knows the very checkpoint needs no word about what came after it: that may be of a host that was revoked since, and believed by nobody.
  const known = wish.originDigest ?? account.heads.seen(from.desktopId)?.digest;
  if (known !== sha256(bytes).toString('base64url')) await acceptNewest(account, from, { sequence, bytes });
  if (wish.originDigest !== undefined && wish.originDigest !== checkpoint.digest) throw new Fault('MANIFEST_INVALID', { subject: from.name, expected: `digest ${wish.originDigest}`, found: checkpoint.digest });
  const signerPublic = signerOf(host, bytes, checkpoint.digest);
  const origin = openManifest(bytes, await keysFor(host, from.desktopId, from.wrappedKeys, bytes), signerPublic);
  if (origin.public.sequence !== sequence) throw new Fault('MANIFEST_INVALID', { expected: `checkpoint ${sequence}`, found: `checkpoint ${origin.public.sequence}` });
  // Resuming one state twice would give two guests the same secrets: the guest is told that it is a copy.
  const contract = { ...decodeContract(origin.private.contract), generationId: wish.generationId ?? randomUuid(random) };
  const { name, desktopId, commitId } = wish;
  const { wrapped } = account.createDesktopKey(desktopId);
  const keys = await keysFor(host, desktopId, [wrapped], bytes);
  const { manifest } = forkManifest({
    from: origin, keys, keyGeneration: wrapped.generation, contract: encodeContract(contract), signer: account.device,
    chain: { length: chain.length, headHash: chain.headHash }, commitId, createdMs: clock.wallMs(),
  });
  await account.coordinator.call('forkDesktop', { params: { desktopId: from.desktopId }, body: { desktopId, name, wrappedKey: wrapped, commitId, manifest: textOf(manifest), replaces } });
  // It is made: that this host may not remember it is no reason to say that it is not.
  await acceptHead(account, { desktopId, name }, manifest).catch((error: unknown) => host.log.warn('head-not-remembered', { error }));
  return { desktopId, origin, generationId: contract.generationId };
}

/** The line is the one that this host knows, whichever of its checkpoints is wanted. `wanted`: saves reading the newest one twice. */
async function acceptNewest(account: Account, from: Desktop, wanted: { readonly sequence: number; readonly bytes: Buffer }): Promise<void> {
  const { head, desktopId } = from;
  account.heads.check(from, head);
  if (head === null) return;
  const newest = head.sequence === wanted.sequence ? wanted.bytes : bytesOf((await account.coordinator.call('readManifest', { params: { desktopId, sequence: String(head.sequence) } })).manifest);
  await acceptHead(account, from, newest);
}

async function countAfter(host: Host, { desktopId, head }: Desktop, sequence: number): Promise<number> {
  let count = 0;
  for (let before = (head?.sequence ?? 0) + 1; ; ) {
    const { checkpoints } = await host.account.coordinator.call('listCheckpoints', { params: { desktopId }, query: { before: String(before) } });
    count += checkpoints.filter((checkpoint) => checkpoint.sequence > sequence).length;
    const oldest = checkpoints.at(-1)?.sequence;
    if (oldest === undefined || oldest <= sequence) return count;
    before = oldest;
  }
}

function newIds({ random }: Host): { desktopId: DesktopId; commitId: CommitId } {
  return { desktopId: newId<DesktopId>(random), commitId: newId<CommitId>(random) };
}

/** `NAME.WHAT`, with a number behind it where that is taken. Pure. */
export function freeName(name: string, what: string, desktops: readonly { readonly name: string }[]): string {
  const taken = new Set(desktops.map((desktop) => desktop.name.toLowerCase()));
  for (let attempt = 1; ; attempt += 1) {
    const ending = `.${what}${attempt === 1 ? '' : `-${attempt}`}`;
    const candidate = `${name.slice(0, nameMax - ending.length)}${ending}`;
    if (!taken.has(candidate.toLowerCase())) return candidate;
  }
}

function bytesIn({ public: { packs } }: Manifest): number {
  return packs.reduce((sum, { lengthBytes }) => sum + lengthBytes, 0);
}
