import type { Move } from '@godwit/wire/operators';

/** Moves as they are told again and again, merged so that what is shown never goes back. Pure. */

const ended = (move: Move): boolean => move.state !== 'running';

/** The newer of two words about one move; the end of a move stays its end, but for one whose outcome was not known. */
export function newerMove(known: Move, told: Move): Move {
  if (known.moveId !== told.moveId) return known;
  if (ended(known) && !ended(told) && known.state !== 'lost') return known;
  if (told.toldMs < known.toldMs) return known;
  return { ...told, startedMs: Math.min(known.startedMs, told.startedMs), doneBytes: Math.max(known.doneBytes, told.doneBytes), bytesMoved: Math.max(known.bytesMoved, told.bytesMoved) };
}

/** `moves`, newest first, with the news in its place; a move that was not there goes first when `addsNew`. */
export function withMove(moves: readonly Move[], told: Move, addsNew: boolean): Move[] {
  if (moves.some(({ moveId }) => moveId === told.moveId)) return moves.map((known) => newerMove(known, told));
  return addsNew ? [told, ...moves].sort((a, b) => b.startedMs - a.startedMs) : [...moves];
}

/** What was read now, held against what was shown: a read that was overtaken by news does not take the news back. */
export function keepNewer(shown: readonly Move[], read: readonly Move[]): Move[] {
  const known = new Map(shown.map((move) => [move.moveId, move]));
  return read.map((move) => {
    const before = known.get(move.moveId);
    return before === undefined ? move : newerMove(before, move);
  });
}

/**
 * How much of a move is done, 0 to 1; null where nobody knows the whole. Only a move that is done is at 1: the last bytes are not the end,
 * the commit is.
 */
export function progressOf(move: Move): number | null {
  if (move.state === 'done') return 1;
  if (move.totalBytes === null || move.totalBytes === 0) return null;
  return Math.min(0.99, move.doneBytes / move.totalBytes);
}

/** The phases of a move with each one's share of the time and its rate; the longest is the bottleneck where there are two or more. */
export interface PhaseLine {
  readonly phase: string;
  readonly startMs: number;
  readonly lengthMs: number;
  readonly bytes: number;
  readonly bytesPerSecond: number | null;
  readonly bottleneck: boolean;
}

export function phaseLines({ phases }: Pick<Move, 'phases'>): PhaseLine[] {
  const longestMs = Math.max(0, ...phases.map(({ lengthMs }) => lengthMs));
  const bottleneck = phases.length < 2 || longestMs === 0 ? -1 : phases.findIndex(({ lengthMs }) => lengthMs === longestMs);
  let startMs = 0;
  return phases.map(({ phase, lengthMs, bytes }, index) => {
    const line = { phase, startMs, lengthMs, bytes, bytesPerSecond: bytes > 0 && lengthMs > 0 ? (bytes * 1000) / lengthMs : null, bottleneck: index === bottleneck };
    startMs += lengthMs;
    return line;
  });
}
