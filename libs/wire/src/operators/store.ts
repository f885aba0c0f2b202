import { z } from 'zod';
import { scrubFinding } from '../prune.ts';
import { accountId, byteCount, count, desktopId, desktopName, timeMs } from '../values.ts';
import { operatorName } from './sign-in.ts';

/** The store as its operator sees it. */

export const jobRun = z.object({
  job: z.string().max(64),
  startedMs: timeMs,
  endedMs: timeMs.nullable(),
  state: z.enum(['running', 'done', 'failed']),
  /** What it did, in figures: objects looked at, freed bytes. */
  figures: z.record(z.string().max(64), z.number()),
  fault: z.string().max(500).nullable(),
});
export type JobRun = z.infer<typeof jobRun>;

export const jobName = z.string().regex(/^[a-z][a-z-]{0,31}$/);
export const jobPath = z.strictObject({ job: jobName });
/** A job whose round was tried to no end and given up. It is gone when a later round ends well. */
export const deadLetter = z.object({
  job: jobName,
  fault: z.string().max(500),
  /** How often it was given up in a row, first and last. */
  times: count,
  firstMs: timeMs,
  lastMs: timeMs,
  /** Who had it tried again since it was given up last. */
  asked: z.object({ operatorName, timeMs }).nullable(),
});
export type DeadLetter = z.infer<typeof deadLetter>;

/** A second bucket, to which the objects of the store are copied, and how it stands to the store now. */
export const secondBucket = z.object({
  place: z.string().max(512),
  copiedObjects: count,
  copiedBytes: byteCount,
  /** Needed by a checkpoint, and not there yet; when the one that waits longest was stored. */
  behindObjects: count,
  behindBytes: byteCount,
  behindSinceMs: timeMs.nullable(),
  /** Deleted from the store, and kept there for its grace time. */
  goneObjects: count,
  goneBytes: byteCount,
});

export const storeDay = z.object({ dayMs: timeMs, liveBytes: byteCount, deadBytes: byteCount, objects: count });
export const storeView = z.object({
  liveBytes: byteCount,
  /** Needed by no checkpoint any more, waiting for its grace time or for the store's lock. */
  deadBytes: byteCount,
  objects: count,
  /** Of the disk or bucket it lies in; null where that cannot be known. */
  freeBytes: byteCount.nullable(),
  /** By growth of the last week; null: it does not grow, or it is not known. */
  fullAtMs: timeMs.nullable(),
  /** All that the checkpoints reach, counted once for each, over what is stored: how often a byte is used. */
  dedupFactor: z.number().nullable(),
  /** Biggest first, at most 100. */
  desktops: z.array(z.object({ accountId, desktopId, name: desktopName, liveBytes: byteCount, objects: count })).max(100),
  scrub: z.object({ objects: count, looked: count, oldestMs: timeMs.nullable(), damaged: z.array(z.object({ key: z.string().max(512), finding: scrubFinding, lookedMs: timeMs })).max(100) }),
  /** Newest first. */
  runs: z.array(jobRun).max(100),
  /** Longest dead first. */
  deadLetters: z.array(deadLetter).max(100),
  /** One a day, oldest first; today's is now. */
  growth: z.array(storeDay).max(400),
  /** Null: there is none. */
  secondBucket: secondBucket.nullable(),
});
export type StoreView = z.infer<typeof storeView>;
