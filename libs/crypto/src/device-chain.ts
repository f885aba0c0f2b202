import { Fault, parseId, type AccountId, type HostId } from '@godwit/base';
import { decodeEntry, encodeEntry, entryBody, type AddEntry, type ChainEntry, type DecodedEntry, type GenesisEntry, type RevokeEntry } from './chain-entry.ts';
import { accountKeyCommitment } from './key-tree.ts';
import type { Secret } from './secrets.ts';
import { publicOf, sameDevice, type DevicePublic, type DeviceSecrets } from './identity.ts';
import type { RecoverySecrets } from './recovery.ts';
import { sha256Bytes } from './sha256.ts';
import { sign, verify } from './signature.ts';

/**
 * Which devices an account trusts: a hash-linked list of entries, replayed from its genesis. Every rule counts positions
 * in the chain, never times, so a back-dated entry gains nothing.
 */
export interface ChainDevice {
  readonly device: DevicePublic;
  readonly name: string;
  /** Sequence of the entry that added it. */
  readonly addedAt: number;
  /** Sequence of the entry that revoked it; a revoked device stays listed, so that it never comes back. */
  readonly revokedAt?: number;
}

export interface ChainState {
  /** First 16 bytes of a hash over the genesis: whoever knows the id can check the genesis. */
  readonly accountId: AccountId;
  readonly genesisHash: Buffer;
  /** Number of entries; the head has sequence `length - 1`. */
  readonly length: number;
  readonly headHash: Buffer;
  /** The hash of each entry, by sequence. */
  readonly hashes: readonly Buffer[];
  readonly recovery: DevicePublic;
  /** All devices that ever were in the chain. */
  readonly devices: ReadonlyMap<HostId, ChainDevice>;
  /** Of the account key: 1 + number of revocations. */
  readonly generation: number;
  /** `accountKeyCommitment` of each generation's account key; that of generation 1 comes first. */
  readonly keyCommitments: readonly Buffer[];
}

/** Replay verifies a signature per entry (about 0.15 ms each): 4096 entries are well under a second, and a life of devices. */
export const CHAIN_LENGTH_MAX = 4096;

/** The device, if it is in the chain and not revoked. */
export function currentDevice(state: ChainState, hostId: HostId): ChainDevice | undefined {
  const found = state.devices.get(hostId);
  return found?.revokedAt === undefined ? found : undefined;
}

/** The keys behind the id of a signer that counts now: a current device or the recovery keys. */
export function currentSigner(state: ChainState, hostId: HostId): DevicePublic | undefined {
  return hostId === state.recovery.hostId ? state.recovery : currentDevice(state, hostId)?.device;
}

/** The generation that held when the chain had `length` entries. */
export function generationAt(state: ChainState, length: number): number {
  let generation = 1;
  for (const { revokedAt } of state.devices.values()) if (revokedAt !== undefined && revokedAt < length) generation++;
  return generation;
}

/**
 * The state after all `entries`, in order. Throws CHAIN_ENTRY_INVALID, PUBLIC_KEY_WEAK, CHAIN_BROKEN, CHAIN_SIGNER_REFUSED,
 * SIGNATURE_INVALID or what a rule says. It proves that the chain is one; that it is the RIGHT and the NEWEST one, the
 * caller knows from the account id and `assertExtends`.
 */
export function replayChain(entries: readonly Uint8Array[]): ChainState {
  const [genesis, ...rest] = entries;
  if (genesis === undefined) throw new Fault('CHAIN_BROKEN', { expected: 'a genesis entry', found: 'an empty chain' });
  if (entries.length > CHAIN_LENGTH_MAX) throw tooLong(entries.length);
  return rest.reduce<ChainState>(extendChain, startChain(genesis));
}

/** What a host remembers of a chain that it has seen. */
export interface KnownHead {
  readonly length: number;
  readonly headHash: Uint8Array;
}

/**
 * Replays `entries` and checks that they go on from what was seen before: fewer entries are CHAIN_ROLLED_BACK, another
 * entry at a known place is CHAIN_FORKED. A fork was validly signed twice: both heads are in the fault, as evidence.
 */
export function assertExtends(known: KnownHead, entries: readonly Uint8Array[]): ChainState {
  if (entries.length < known.length) {
    throw new Fault('CHAIN_ROLLED_BACK', { expected: `${known.length} entries or more`, found: `${entries.length}` });
  }
  const state = replayChain(entries);
  assertOnChain(state, known);
  return state;
}

/** That a head somebody else has seen lies on this chain. Longer than it: CHAIN_ROLLED_BACK (this one is behind); beside it: CHAIN_FORKED. */
export function assertOnChain(state: ChainState, seen: KnownHead): void {
  if (seen.length > state.length) {
    throw new Fault('CHAIN_ROLLED_BACK', { subject: `account ${state.accountId}`, expected: `${seen.length} entries or more`, found: `${state.length}` });
  }
  const hash = state.hashes[seen.length - 1];
  if (hash?.equals(seen.headHash) !== true) {
    throw new Fault('CHAIN_FORKED', {
      subject: `account ${state.accountId}, ${seen.length} entries`,
      expected: `head ${Buffer.from(seen.headHash).toString('hex')}`,
      found: `head ${hash?.toString('hex') ?? 'none'}`,
    });
  }
}

function startChain(bytes: Uint8Array): ChainState {
  const { entry, body, signature, hash } = decodeEntry(bytes);
  const { accountId, sequence, previousHash, signer } = entry;
  if (entry.kind !== 'genesis') throw new Fault('CHAIN_BROKEN', { expected: 'a genesis entry', found: entry.kind });
  if (sequence !== 0 || !previousHash.equals(noHash)) throw new Fault('CHAIN_BROKEN', { expected: 'a genesis that follows nothing' });
  const { recovery, device, name } = entry;
  if (signer !== recovery.hostId) throw new Fault('CHAIN_SIGNER_REFUSED', { expected: 'a genesis signed by the recovery key', found: signer });
  verify('chain-entry', body, signature, recovery.signPublic);
  if (sharesKey(device, recovery)) throw new Fault('DEVICE_EXISTS', { subject: device.hostId });
  const devices = new Map([[device.hostId, { device, name, addedAt: 0 }]]);
  return { accountId, genesisHash: hash, length: 1, headHash: hash, hashes: [hash], recovery, devices, generation: 1, keyCommitments: [entry.keyCommitment] };
}
const noHash = Buffer.alloc(sha256Bytes);

/** The state after one more entry; `state` itself is left as it was. Throws like `replayChain`. */
export function extendChain(state: ChainState, bytes: Uint8Array): ChainState {
  if (state.length >= CHAIN_LENGTH_MAX) throw tooLong(state.length + 1);
  const decoded = decodeEntry(bytes);
  const { entry, body, signature } = decoded;
  assertFollows(state, entry);
  const signer = currentSigner(state, entry.signer);
  if (signer === undefined) throw new Fault('CHAIN_SIGNER_REFUSED', { expected: 'a current device or the recovery key', found: entry.signer });
  verify('chain-entry', body, signature, signer.signPublic);
  switch (entry.kind) {
    case 'genesis':
      throw new Fault('CHAIN_BROKEN', { expected: 'one genesis', found: 'a second' });
    case 'add':
      assertNewKeys(state, entry.device);
      return advance(state, decoded, { device: entry.device, name: entry.name, addedAt: entry.sequence });
    case 'revoke':
      return advance(state, decoded, { ...revocable(state, entry), revokedAt: entry.sequence });
  }
}

function assertFollows(state: ChainState, entry: ChainEntry): void {
  if (entry.accountId !== state.accountId) throw new Fault('CHAIN_BROKEN', { expected: `account ${state.accountId}`, found: entry.accountId });
  if (entry.sequence !== state.length) throw new Fault('CHAIN_BROKEN', { expected: `sequence ${state.length}`, found: `${entry.sequence}` });
  if (!entry.previousHash.equals(state.headHash)) {
    throw new Fault('CHAIN_BROKEN', {
      subject: `sequence ${entry.sequence}`,
      expected: `previous ${state.headHash.toString('hex')}`,
      found: entry.previousHash.toString('hex'),
    });
  }
}

/** Each KEY is used once, not just each pair: a revoked device must not come back with half of its keys changed. */
function assertNewKeys(state: ChainState, device: DevicePublic): void {
  if (sharesKey(device, state.recovery)) throw new Fault('DEVICE_EXISTS', { subject: device.hostId, found: 'a key of the recovery' });
  for (const { device: other, revokedAt } of state.devices.values()) {
    if (sharesKey(device, other)) throw new Fault(revokedAt === undefined ? 'DEVICE_EXISTS' : 'DEVICE_REVOKED', { subject: other.hostId });
  }
}

function revocable(state: ChainState, { subject, signer }: RevokeEntry): ChainDevice {
  const found = state.devices.get(subject);
  if (found === undefined) throw new Fault('DEVICE_UNKNOWN', { subject });
  if (found.revokedAt !== undefined) throw new Fault('DEVICE_REVOKED', { subject });
  const others = [...state.devices.values()].some(({ device, revokedAt }) => revokedAt === undefined && device.hostId !== subject);
  if (signer === subject && !others) throw new Fault('DEVICE_LAST', { subject });
  return found;
}

function advance(state: ChainState, { hash, entry }: DecodedEntry, changed: ChainDevice): ChainState {
  const devices = new Map(state.devices).set(changed.device.hostId, changed);
  const next = { ...state, length: state.length + 1, headHash: hash, hashes: [...state.hashes, hash], devices };
  if (entry.kind !== 'revoke') return next;
  return { ...next, generation: state.generation + 1, keyCommitments: [...state.keyCommitments, entry.keyCommitment] };
}

function sharesKey(a: DevicePublic, b: DevicePublic): boolean {
  return a.signPublic.equals(b.signPublic) || a.boxPublic.equals(b.boxPublic);
}

function tooLong(length: number): Fault {
  return new Fault('CHAIN_BROKEN', { expected: `at most ${CHAIN_LENGTH_MAX} entries`, found: `${length}` });
}

/** The first entry of a new account: it names the recovery keys and the first device, and commits to `accountKey`, that of generation 1. `replayChain([it])` gives the state. */
export function signGenesis(options: { readonly recovery: RecoverySecrets; readonly accountKey: Secret; readonly device: DevicePublic; readonly name: string; readonly createdMs: number }): Buffer {
  const { recovery, accountKey, device, name, createdMs } = options;
  const draft = { kind: 'genesis', sequence: 0, previousHash: noHash, createdMs, signer: recovery.hostId } as const;
  const entry: GenesisEntry = { ...draft, accountId: notYet, recovery: publicOf(recovery), keyCommitment: accountKeyCommitment(accountKey, 1), device: publicOf(device), name };
  const bytes = signEntry(entry, recovery);
  startChain(bytes);
  return bytes;
}

/** A genesis does not hold its account id: the id follows from its bytes. */
const notYet = parseId<AccountId>('00'.repeat(16));

/** The entry that makes `device` a trusted one. The caller has compared its join code. Throws what `extendChain` would. */
export function signAdd(state: ChainState, options: { readonly device: DevicePublic; readonly name: string; readonly signer: DeviceSecrets; readonly createdMs: number }): Buffer {
  const { device, name, signer, createdMs } = options;
  const entry: AddEntry = { kind: 'add', ...placeAfter(state), createdMs, signer: signer.hostId, device: publicOf(device), name };
  return checkedAgainst(state, signEntry(entry, signer));
}

/** The entry that ends the trust in `subject` for ever and commits to `accountKey`, the new one of the next generation. Throws what `extendChain` would. */
export function signRevoke(state: ChainState, options: { readonly subject: HostId; readonly accountKey: Secret; readonly signer: DeviceSecrets; readonly createdMs: number }): Buffer {
  const { subject, accountKey, signer, createdMs } = options;
  const entry: RevokeEntry = { kind: 'revoke', ...placeAfter(state), createdMs, signer: signer.hostId, subject, keyCommitment: accountKeyCommitment(accountKey, state.generation + 1) };
  return checkedAgainst(state, signEntry(entry, signer));
}

function placeAfter(state: ChainState): Pick<ChainEntry, 'accountId' | 'sequence' | 'previousHash'> {
  return { accountId: state.accountId, sequence: state.length, previousHash: state.headHash };
}

function signEntry(entry: ChainEntry, signer: DeviceSecrets): Buffer {
  return encodeEntry(entry, sign('chain-entry', entryBody(entry), signer.signSecret));
}

/** What others would refuse never leaves this device. */
function checkedAgainst(state: ChainState, bytes: Buffer): Buffer {
  extendChain(state, bytes);
  return bytes;
}

/** Whether `device` is, key for key, a current device of the chain or its recovery. */
export function isTrusted(state: ChainState, device: DevicePublic): boolean {
  const listed = currentSigner(state, device.hostId);
  return listed !== undefined && sameDevice(listed, device);
}
