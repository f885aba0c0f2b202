import { z } from 'zod';
import { chainEntryLimitBytes, chainLengthLimit, chainPageLimit, grantLimitBytes, grantsLimit, joinCodeLimit, reportedSystemLimit } from './limits.ts';
import { accountId, boundedBytes, generation, hostId, hostName, joinId, publicKey, queryInteger, recipientId, timeMs } from './values.ts';

/** Accounts, their device chains, the grants of their keys, and machines that want to join. */

/** One encoded, signed entry of a device chain (libs/crypto). */
export const chainEntry = boundedBytes(chainEntryLimitBytes);

/** An account key of one generation, boxed to one recipient and signed by the granting device (libs/crypto). */
export const grant = z.strictObject({
  recipient: recipientId,
  generation,
  bytes: boundedBytes(grantLimitBytes),
});
export type Grant = z.infer<typeof grant>;

const chainLength = z.int().min(1).max(chainLengthLimit);

export const createAccountBody = z.strictObject({
  /** The genesis entry; its account id and its first device are the account's. */
  genesis: chainEntry,
  /** For the device itself and for the recovery key. */
  grants: z.array(grant).min(1).max(4),
});
export const account = z.object({ accountId, hostId, chainLength });

export const readChainQuery = z.strictObject({ from: queryInteger.optional() });
/** `entries` start at `from` (0 is the genesis) and are at most {@link chainPageLimit}; `length` is the whole chain's. */
export const chainPage = z.object({ from: z.int().min(0), length: chainLength, entries: z.array(chainEntry).max(chainPageLimit) });
export const appendChainBody = z.strictObject({
  /** The length the entry was made for: the append happens only if the chain still has it. */
  expectedLength: chainLength,
  entry: chainEntry,
  /** Grants that the entry makes possible or necessary (a new generation after a revocation), stored with it. */
  grants: z.array(grant).max(grantsLimit),
});
export const chainAppended = z.object({ length: chainLength });

export const grants = z.object({ grants: z.array(grant).max(grantsLimit) });

/** What the owner of the recovery key finds of an account: its chain from `from` on, and the account keys that were granted to that key. */
export const recoveryAccount = chainPage.extend({ accountId, grants: z.array(grant).max(grantsLimit) });
export const recoverBody = z.strictObject({
  accountId,
  expectedLength: chainLength,
  /** Adds the new machine, signed by the recovery key. */
  entry: chainEntry,
  grants: z.array(grant).min(1).max(grantsLimit),
});

/** What a machine says it is, in printable ASCII; nobody has checked it. */
const reportedSystem = z.string().max(reportedSystemLimit).regex(/^[\x20-\x7e]*$/);
export const createJoinBody = z.strictObject({ signPublic: publicKey, boxPublic: publicKey, name: hostName, system: reportedSystem.optional() });
export const joinCreated = z.object({ joinId, expiresMs: timeMs });
export const joinParams = z.strictObject({ joinId });

/** What the machine that asked sees while it polls. */
export const joinState = z.discriminatedUnion('state', [
  z.object({ state: z.literal('pending'), expiresMs: timeMs }),
  z.object({ state: z.literal('approved'), accountId, length: chainLength, entries: z.array(chainEntry).max(chainPageLimit), grants: z.array(grant).max(grantsLimit) }),
  z.object({ state: z.literal('refused') }),
]);
export type JoinState = z.infer<typeof joinState>;

/** As libs/crypto's `joinCode` writes it. */
export const findJoinQuery = z.strictObject({ code: z.string().max(joinCodeLimit).regex(/^[a-z]+(-[a-z]+){7}$/) });
/**
 * The approver recomputes the code from these keys before it signs anything. What the coordinator saw itself is `askedMs` and `address`; `name` and `system`
 * are what the machine says.
 */
export const foundJoin = z.object({ joinId, hostId, signPublic: publicKey, boxPublic: publicKey, name: hostName, system: reportedSystem, askedMs: timeMs, address: z.string().max(64), expiresMs: timeMs });
export const approveJoinBody = z.strictObject({
  expectedLength: chainLength,
  entry: chainEntry,
  grants: z.array(grant).min(1).max(grantsLimit),
});
