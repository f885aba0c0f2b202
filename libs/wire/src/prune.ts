import { z } from 'zod';
import { wrappedKey } from './desktops.ts';
import { manifestLimitBytes, objectKeyLimit } from './limits.ts';
import { boundedBytes, byteCount, commitId, count, desktopId, desktopName, sequence, sha256, timeMs } from './values.ts';

/** A desktop's past: forks of it, what of it is kept, and whether what is kept is still whole. */

/** A signed retention policy (libs/snapshot, prune-policy.ts); 118 bytes today. */
const policy = boundedBytes(256);

export const forkBody = z.strictObject({
  /** Of the new desktop. */
  desktopId,
  name: desktopName,
  wrappedKey,
  commitId,
  /** The first manifest of the new desktop: epoch 1, sequence 1, forked from a checkpoint of the desktop in the path. */
  manifest: boundedBytes(manifestLimitBytes),
  /** Roll back: the new desktop takes the name of the old one, which has to be free with this head and is called `keepAs` from then on. */
  replaces: z.strictObject({ keepAs: desktopName, expectedHeadDigest: sha256 }).nullable(),
});

export const pruneBody = z.strictObject({
  /** Becomes the desktop's policy; null: the one that is stored, if there is one. */
  policy: policy.nullable(),
  /** Only say what would happen. */
  dryRun: z.boolean(),
});

const objectsAndBytes = z.object({ objects: count, bytes: byteCount });

export const pruned = z.object({
  /** The policy that was applied; null: none is stored, everything is kept. */
  policy: policy.nullable(),
  /** Sequences that this request dropped, ascending. */
  dropped: z.array(sequence),
  kept: count,
  /** Of the whole account: nothing needs them, they go after the grace time. */
  waiting: objectsAndBytes,
  /** Of the whole account: the store refuses to delete them yet (object lock); it is asked again. */
  locked: objectsAndBytes,
  /** Deleted by this request. */
  freed: objectsAndBytes,
  graceMs: count,
});

export const scrubFinding = z.enum(['missing', 'length', 'digest']);
export const scrubFindingsLimit = 256;

export const scrub = z.object({
  /** Objects that the desktop's checkpoints need, of this and of other desktops. */
  objects: count,
  bytes: byteCount,
  /** So many of them were compared with the length and digest in the manifests, the longest ago at `oldestMs`. */
  looked: count,
  oldestMs: timeMs.nullable(),
  /** What is not as it was committed; at most 256 of them. */
  damaged: z.array(z.object({ key: z.string().max(objectKeyLimit), finding: scrubFinding, lookedMs: timeMs })).max(scrubFindingsLimit),
});
export type Scrub = z.infer<typeof scrub>;
