import { z } from 'zod';
import { arrivePhases, departPhases } from '../phases.ts';
import { accountId, byteCount, count, desktopId, desktopName, epoch, hostId, hostName, sequence, timeMs } from '../values.ts';

/**
 * A move as its host tells it: a suspend, a checkpoint of a running desktop, or a resume. Sizes, times and names of phases only; nothing of
 * what is in the desktop. Advice for people: nothing is decided by it.
 */
export const moveId = z.string().regex(/^[0-9a-f]{32}$/).meta({ description: 'move id: 16 bytes as 32 hexadecimal digits, made by the host' });
export const moveKind = z.enum(['suspend', 'checkpoint', 'resume']);
/** `unknown`: whether it was committed is not known yet. `lost`: its host has told nothing for a minute (only the coordinator says so). */
export const moveState = z.enum(['running', 'done', 'failed', 'cancelled', 'unknown', 'lost']);
const phase = z.enum([...new Set([...departPhases, ...arrivePhases])] as [string, ...string[]]);
const lengthMs = z.number().min(0).max(Number.MAX_SAFE_INTEGER);

/** One phase that has ended, or the one under way so far. */
export const movePhase = z.strictObject({ phase, lengthMs, bytes: byteCount });
export type MovePhase = z.infer<typeof movePhase>;

const told = {
  kind: moveKind,
  state: moveState,
  phase,
  /** Of the whole move; never less than was told before, never above `totalBytes`. */
  doneBytes: byteCount,
  totalBytes: byteCount.nullable(),
  bytesPerSecond: byteCount.nullable(),
  /** Null while it cannot be said honestly. */
  leftMs: lengthMs.nullable(),
  /** How long the guest stood still. */
  pauseMs: lengthMs.nullable(),
  /** Suspend, checkpoint: the command to the acknowledged commit. */
  durableMs: lengthMs.nullable(),
  /** Resume: the command to the running guest. */
  runningMs: lengthMs.nullable(),
  /** Uploaded, or fetched. */
  bytesMoved: byteCount,
  /** What the guest's changes were before compression and sealing; null where that is not known. */
  bytesChanged: byteCount.nullable(),
  /** The code of the fault that ended it. */
  fault: z.string().max(64).regex(/^[A-Z][A-Z0-9_]*$/).nullable(),
  phases: z.array(movePhase).max(32),
  /** The checkpoint that it made or resumed, once that is known. */
  sequence: sequence.nullable(),
};

/** What a host tells, at most once a second and once at the end. The same `moveId` again replaces what was told. */
export const moveReport = z.strictObject({ moveId, epoch, ...told });
export type MoveReport = z.infer<typeof moveReport>;

export const move = z.object({
  moveId,
  accountId,
  desktopId,
  desktopName,
  hostId,
  hostName,
  epoch,
  ...told,
  /** The coordinator's clock at the first and at the last word of it. */
  startedMs: timeMs,
  toldMs: timeMs,
});
export type Move = z.infer<typeof move>;

export const movesQuery = z.strictObject({
  moveId: moveId.optional(),
  desktopId: desktopId.optional(),
  state: moveState.optional(),
  /** Newest first; those begun before this time. */
  before: z.string().max(16).regex(/^[0-9]+$/).optional(),
});
export const moves = z.object({ moves: z.array(move).max(200), total: count });
