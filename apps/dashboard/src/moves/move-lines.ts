import type { Move } from '@godwit/wire/operators';
import { bytesText, durationText, rateText, roughText } from '../words/figures.ts';

/** `upload · 93 MiB of ~210 MiB · 17 MiB/s · about 7 s left`: as the command line says it. */
export function moveLine({ phase, doneBytes, totalBytes, bytesPerSecond, leftMs }: Move): string {
  return [
    phase,
    totalBytes === null ? (doneBytes === 0 ? undefined : bytesText(doneBytes)) : `${bytesText(doneBytes)} of ~${bytesText(totalBytes)}`,
    bytesPerSecond === null ? undefined : bytesPerSecond === 0 ? 'waiting' : rateText(bytesPerSecond),
    leftMs === null ? undefined : `about ${roughText(leftMs + 999)} left`,
  ]
    .filter((part) => part !== undefined)
    .join(' · ');
}

/** What came of a move, or how far it is: the figure that matters for its kind. */
export function resultLine(move: Move): string {
  if (move.state === 'running') return moveLine(move);
  const parts = [
    move.fault ?? undefined,
    move.kind === 'resume' && move.runningMs !== null ? `running after ${durationText(move.runningMs)}` : undefined,
    move.kind !== 'resume' && move.durableMs !== null ? `safe after ${durationText(move.durableMs)}` : undefined,
    move.pauseMs === null ? undefined : `guest stood still ${durationText(move.pauseMs)}`,
    move.bytesMoved === 0 ? undefined : `${bytesText(move.bytesMoved)} moved`,
  ].filter((part) => part !== undefined);
  return parts.length === 0 ? `ended in ${move.phase}` : parts.join(' · ');
}
