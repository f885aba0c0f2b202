import type { OurFigures } from './our-moves.ts';
import type { PeerFigures } from './peer-figures.ts';
import { row, type BenchRow, type Place } from './row.ts';

/** The comparisons, each with the peer that does the same thing best. */
export function rowsOf(place: Place, ours: OurFigures, peers: PeerFigures): BenchRow[] {
  const { first, later, arrivals, changed } = ours;
  const { restic, borg } = peers.backups;
  const arrived = (pick: (arrival: OurFigures['arrivals'][number]) => number | null): number[] => arrivals.map(pick).filter((value) => value !== null);
  return [
    row('first checkpoint, in the store', place, 'ms', first.map(({ durableMs }) => durableMs), 'QEMU to a file through zstd -1 -T0', peers.zstdFile.map(({ cost }) => cost.totalMs)),
    row('first checkpoint, bytes', place, 'bytes', first.map(({ bytesUploaded }) => bytesUploaded), 'QEMU to a file through zstd -1 -T0', peers.zstdFile.map(({ bytes }) => bytes)),
    row('checkpoint after a move, in the store', place, 'ms', later.map(({ durableMs }) => durableMs), 'QEMU to a plain file', peers.plainFile.map(({ cost }) => cost.totalMs)),
    row('pause of a capture', place, 'ms', [...first, ...later].map(({ pauseMs }) => pauseMs), 'QEMU to a plain file', peers.plainFile.map(({ cost }) => cost.pauseMs)),
    row('checkpoint after a move, bytes', place, 'bytes', later.map(({ bytesUploaded }) => bytesUploaded), 'zstd -1 of the pages that changed', changed.map(({ compressedBytes }) => compressedBytes)),
    ...(restic === undefined ? [] : [row('checkpoint after a move, bytes', place, 'bytes', later.map(({ bytesUploaded }) => bytesUploaded), 'restic, second image', restic.later.map(({ addedBytes }) => addedBytes))]),
    ...(restic === undefined ? [] : [row('checkpoint after a move, in the store', place, 'ms', later.map(({ durableMs }) => durableMs), 'restic, second image', restic.later.map(({ ms }) => ms))]),
    ...(borg === undefined ? [] : [row('checkpoint after a move, bytes', place, 'bytes', later.map(({ bytesUploaded }) => bytesUploaded), 'borg, second image', borg.later.map(({ addedBytes }) => addedBytes))]),
    row('pages changed', place, 'pages', later.map(({ pagesChanged }) => pagesChanged), 'pages that differ in memory', changed.map(({ pages }) => pages)),
    row('running', place, 'ms', arrived(({ runningMs }) => runningMs), 'QEMU to QEMU, post-copy', peers.postcopy.map(({ runningMs }) => runningMs)),
    row('fetched before running', place, 'bytes', arrivals.map(({ bytesBeforeRunning }) => bytesBeforeRunning), 'nobody'),
    row('first output', place, 'ms', arrived(({ firstOutputMs }) => firstOutputMs), 'nobody'),
    row('everything there', place, 'ms', arrived(({ completeMs }) => completeMs), 'QEMU to QEMU, pre-copy', peers.precopy.map(({ cost }) => cost.totalMs)),
  ];
}
