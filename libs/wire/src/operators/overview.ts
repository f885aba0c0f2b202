import { z } from 'zod';
import { accountId, byteCount, count, desktopId, hostId, timeMs } from '../values.ts';
import { desktopCondition, protection } from './desktops.ts';
import { move } from './moves.ts';
import { operatorName } from './sign-in.ts';

/** The first page: who needs a person, then what there is. */

/** A thing that needs a person. The same code in CLI (`godwit doctor`), dashboard and metrics. */
export const attention = z.object({
  /** Stays the same while the cause does. */
  id: z.string().max(160),
  code: z.enum(['HOST_LOST', 'DESKTOP_UNPROTECTED', 'MOVE_STUCK', 'MOVE_FAILED', 'SCRUB_FAILED', 'SCRUB_BEHIND', 'HOST_OUT_OF_DATE', 'STORE_FILLING', 'JOB_FAILED']),
  severity: z.enum(['low', 'medium', 'high']),
  /** One sentence: what is, with names and figures. */
  text: z.string().max(500),
  nextStep: z.string().max(500),
  sinceMs: timeMs,
  accountId: accountId.nullable(),
  desktopId: desktopId.nullable(),
  hostId: hostId.nullable(),
});
export type Attention = z.infer<typeof attention>;
/** With who takes care of it, and since when; null: nobody has said so of this time that it is there. */
export const shownAttention = attention.extend({ acknowledged: z.object({ operatorName, timeMs }).nullable() });
export type ShownAttention = z.infer<typeof shownAttention>;
/** `acknowledged`: false takes it back. */
export const acknowledgeBody = z.strictObject({ id: z.string().max(160), acknowledged: z.boolean() });

export const overview = z.object({
  /** The coordinator's clock; ages are told against it. */
  nowMs: timeMs,
  version: z.string().max(64),
  /** What somebody takes care of comes last. */
  attention: z.array(shownAttention).max(200),
  desktops: z.record(desktopCondition, count),
  protection: z.record(protection, count),
  hosts: z.object({ current: count, inReach: count, outOfDate: count }),
  /** Under way, newest first. */
  moves: z.array(move).max(100),
  /** Moves that failed in the last 24 hours. */
  failedLastDay: count,
  store: z.object({ liveBytes: byteCount, deadBytes: byteCount, objects: count }),
});
export type Overview = z.infer<typeof overview>;
