import { z } from 'zod';
import { auditLeafLimitBytes, proofHashesLimit } from '../limits.ts';
import { treeHead } from '../audit.ts';
import { accountId, boundedBytes, count, desktopId, exactBytes, publicKey, queryInteger } from '../values.ts';

/** The audit log for operators: leaves of all accounts, each with the proof that a browser checks itself. */

const proof = z.array(exactBytes(32)).max(proofHashesLimit);
/** Newest first, below `before` when given. `seen`: the newest head of an earlier visit. */
export const operatorAuditQuery = z.strictObject({
  before: queryInteger.optional(),
  kind: z.string().max(64).optional(),
  accountId: accountId.optional(),
  desktopId: desktopId.optional(),
  seen: treeHead.optional(),
});
export const auditRow = z.object({
  index: count,
  kind: z.string().max(64),
  accountId,
  desktopId: desktopId.nullable(),
  /** The leaf's own bytes: what is hashed, and what the page reads its fields from. */
  leaf: boundedBytes(auditLeafLimitBytes),
  inclusion: proof,
});
export type AuditRow = z.infer<typeof auditRow>;
export const operatorAudit = z.object({
  /** What the head's signature is checked with; a browser keeps the first one that it saw. */
  logKey: publicKey,
  audience: z.string().max(128),
  head: treeHead,
  /** From `seen` to `head`; empty without `seen`. */
  consistency: proof,
  rows: z.array(auditRow).max(100),
  /** What the hosts and desktops that the rows mention are called now: the coordinator's word, and no part of the log. */
  names: z.array(z.object({ id: z.string().regex(/^[0-9a-f]{32}$/), name: z.string().max(256) })).max(400),
  /** Where to go on; null when that was all. */
  next: count.nullable(),
});
export type OperatorAudit = z.infer<typeof operatorAudit>;
