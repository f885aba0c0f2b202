import { z } from 'zod';
import { checkpoint } from '../desktops.ts';
import { hostReport } from '../hosts.ts';
import { offlineMode } from '../leases.ts';
import { accountId, byteCount, count, desktopId, desktopName, epoch, hostId, hostName, label, queryInteger, sequence, timeMs } from '../values.ts';
import { move } from './moves.ts';

/** Desktops and hosts as an operator sees them: of all accounts, without anything that only keys open. */

/**
 * held: its host was heard of lately; out-of-reach: it was not; free: safe in the store, held by nobody;
 * departing, arriving: a move of it is under way; new: it has no checkpoint yet.
 */
export const desktopCondition = z.enum(['held', 'departing', 'arriving', 'free', 'out-of-reach', 'new']);
/** How its newest durable checkpoint stands against what is asked of it (`protectionLimits`); free: all of it is safe. */
export const protection = z.enum(['safe', 'fresh', 'late', 'unprotected']);
export type Protection = z.infer<typeof protection>;
/** A held desktop's newest checkpoint is fresh up to this age, late above it, and above the second one the desktop counts as unprotected. */
export const protectionLimits = { freshMs: 15 * 60_000, lateMs: 24 * 60 * 60_000 } as const;

export const desktopRow = z.object({
  accountId,
  desktopId,
  name: desktopName,
  condition: desktopCondition,
  holder: z.object({ hostId, name: hostName }).nullable(),
  epoch,
  offline: offlineMode,
  checkpoints: count,
  headSequence: sequence.nullable(),
  /** The coordinator's clock when the newest checkpoint was durable: what would be lost with its host is what came after. */
  durableMs: timeMs.nullable(),
  protection,
  /** Of its objects that are needed. */
  storedBytes: byteCount,
  createdMs: timeMs,
});
export type DesktopRow = z.infer<typeof desktopRow>;

const search = z.string().max(64);
export const desktopsQuery = z.strictObject({
  search: search.optional(),
  condition: desktopCondition.optional(),
  protection: protection.optional(),
  hostId: hostId.optional(),
  sort: z.enum(['name', 'durable', 'bytes']).optional(),
  from: queryInteger.optional(),
});
export const operatorPageLimit = 100;
export const desktopRows = z.object({ desktops: z.array(desktopRow).max(operatorPageLimit), total: count });

export const desktopPath = z.strictObject({ accountId, desktopId });
/** A checkpoint in the graph: its parent by digest, whether prune has dropped it, the pause and the times where its host told them. */
export const checkpointNode = checkpoint.extend({
  released: z.boolean(),
  dropped: z.boolean(),
  /** What this checkpoint alone added to the store. */
  addedBytes: byteCount,
  pauseMs: z.number().nullable(),
  durableAfterMs: z.number().nullable(),
  bytesChanged: byteCount.nullable(),
});
export type CheckpointNode = z.infer<typeof checkpointNode>;
export const desktopEvent = z.object({ eventId: count, kind: z.string().max(64), hostName: hostName.nullable(), detail: z.record(z.string().max(64), z.unknown()), timeMs });
export type DesktopEvent = z.infer<typeof desktopEvent>;
export const desktopDetail = z.object({
  desktop: desktopRow,
  /** Where it was forked from; null for one that was created. */
  forkedFrom: z.object({ desktopId, name: desktopName.nullable(), sequence }).nullable(),
  forks: z.array(z.object({ desktopId, name: desktopName, sequence })).max(256),
  /** Newest first, at most 500. */
  checkpoints: z.array(checkpointNode).max(500),
  moves: z.array(move).max(200),
  events: z.array(desktopEvent).max(200),
});
export type DesktopDetail = z.infer<typeof desktopDetail>;

export const operatorHost = z.object({
  accountId,
  hostId,
  name: hostName,
  /** current: in its account's chain; revoked: not any more; barred: an operator keeps it out. */
  state: z.enum(['current', 'revoked', 'barred']),
  joinedMs: timeMs,
  lastContactMs: timeMs.nullable(),
  /** A stream of events is open, or it was heard of in the last minute. */
  inReach: z.boolean(),
  /** Its agent is older than the coordinator by more than is supported. */
  outOfDate: z.boolean(),
  report: hostReport.nullable(),
  holds: z.array(z.object({ desktopId, name: desktopName })).max(256),
});
export type OperatorHost = z.infer<typeof operatorHost>;
export const operatorHostsQuery = z.strictObject({ search: search.optional(), state: z.enum(['current', 'revoked', 'barred', 'in-reach', 'out-of-reach', 'out-of-date']).optional(), from: queryInteger.optional() });
export const operatorHosts = z.object({ hosts: z.array(operatorHost).max(operatorPageLimit), total: count });

/** One entry of an account's device chain: who let whom in, who put whom out. */
export const trustEntry = z.object({
  position: count,
  kind: z.enum(['genesis', 'add', 'revoke']),
  /** Null: the recovery key. */
  by: z.object({ hostId, name: hostName }).nullable(),
  device: z.object({ hostId, name: hostName }),
  /** The signer's clock. */
  timeMs,
});
export type TrustEntry = z.infer<typeof trustEntry>;
export const accountPath = z.strictObject({ accountId });
export const trust = z.object({ accountId, entries: z.array(trustEntry).max(4096), hosts: z.array(operatorHost).max(4096) });
export type Trust = z.infer<typeof trust>;

export const operatorHostPath = z.strictObject({ hostId });
export const barBody = z.strictObject({ barred: z.boolean(), reason: label });
