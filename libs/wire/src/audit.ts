import { z } from 'zod';
import { auditLeafLimitBytes, auditPageLimit, proofHashesLimit, treeHeadLimitBytes, witnessLimitBytes } from './limits.ts';
import { boundedBytes, count, desktopId, exactBytes, queryInteger } from './values.ts';

/** The audit log: its signed heads, its leaves, and proofs. Their bytes and checks are in libs/crypto. */

/** A signed tree head, whole. */
export const treeHead = boundedBytes(treeHeadLimitBytes);
/** A host's signed word about the head that it had seen, for one checkpoint. */
export const witness = boundedBytes(witnessLimitBytes);
const proof = z.array(exactBytes(32)).max(proofHashesLimit);
const leaf = boundedBytes(auditLeafLimitBytes);

/**
 * `seen`: the newest head that the caller knows. The answer proves that the log has only grown since. A head that this coordinator
 * signed and does not have any more tells it that it was rewound, and it stops serving.
 */
export const treeHeadQuery = z.strictObject({ seen: treeHead.optional() });
/** `consistency`: from `seen` to `head`; empty without `seen`, and where there is none because `head` is older. */
export const treeHeadAnswer = z.object({ head: treeHead, consistency: proof });

export const consistencyQuery = z.strictObject({ from: queryInteger, to: queryInteger });
export const consistencyAnswer = z.object({ consistency: proof });

/** `size`: of the tree that proofs are for, at most the newest head's. */
export const leavesQuery = z.strictObject({ from: queryInteger.optional(), size: queryInteger });
export const leaves = z.object({
  /** The account's own, by index. */
  leaves: z.array(z.object({ index: count, leaf, inclusion: proof })).max(auditPageLimit),
  /** Where to go on; null when that was all below `size`. */
  next: count.nullable(),
});

export const leafParams = z.strictObject({ index: z.string().regex(/^(0|[1-9][0-9]{0,14})$/) });
export const inclusionQuery = z.strictObject({ size: queryInteger });
export const inclusionAnswer = z.object({ leaf, inclusion: proof });

export const receiptParams = z.strictObject({ desktopId });
/** `number`: the sequence of a committed checkpoint (of a fork: 1), or the epoch of an acquisition (of a creation: 1). */
export const receiptQuery = z.strictObject({ kind: z.enum(['checkpoint-committed', 'desktop-acquired', 'desktop-taken-over', 'desktop-created', 'desktop-forked']), number: queryInteger, seen: treeHead.optional() });
export const receiptAnswer = z.object({
  index: count,
  leaf,
  inclusion: proof,
  head: treeHead,
  consistency: proof,
  /** From the head inside the leaf's witness to `head`; empty where the leaf has none. */
  witnessed: proof,
});
