import type { Backups, PeerFigures } from './peer-figures.ts';
import type { LinkFigures } from './link-check.ts';
import type { LinkShape } from './links.ts';
import type { OurFigures } from './our-figures.ts';
import type { PlainFigures } from './plain-figures.ts';
import { row, type BarRule, type BenchRow, type Place, type Unit } from './row.ts';
import type { Scenario } from './selection.ts';

/** The comparisons, each with the peer that does the same thing best, and the bar that was set for it. */

/** What has to be measured for a row. */
export type Part = 'checkpoints' | 'suspends' | 'moves' | 'streams' | 'backups' | 'precopy' | 'postcopy' | 'plain' | 'link';

export interface Figures {
  readonly ours: OurFigures;
  readonly peers: PeerFigures;
  readonly plain: PlainFigures;
  readonly link: LinkFigures;
}

interface RowKind {
  readonly name: string;
  readonly unit: Unit;
  readonly parts: readonly Part[];
  readonly ours: (figures: Figures) => readonly (number | null)[];
  readonly peerName: string;
  readonly peer: (figures: Figures) => readonly number[];
  readonly bar?: (scenario: Scenario) => BarRule | undefined;
  /** In which scenarios it is a row; in all, unless it says otherwise. */
  readonly where?: (scenario: Scenario) => boolean;
}

const mib = 2 ** 20;
const kib = 2 ** 10;
const zstd = 'QEMU to a file through zstd -1 -T0';
const plainFile = 'QEMU to a plain file';
const postcopy = 'QEMU to QEMU, post-copy';
const plainPut = 'plain PUT of the same bytes';
const plainGet = 'plain GET of the same bytes';

const onLoopback = ({ link }: Scenario): boolean => link.shape === undefined;
const onShaped = ({ link }: Scenario): boolean => link.shape !== undefined;
const isIdle = ({ load }: Scenario): boolean => load === 'idle';
/** A bar that holds where both hosts and the store are one machine and the guest only idles. */
const atHome = (rule: BarRule) => (scenario: Scenario): BarRule | undefined => (onLoopback(scenario) && isIdle(scenario) ? rule : undefined);
const runningBar = atHome({ plus: 300 });
const pauseBar = ({ size }: Scenario): BarRule | undefined => (size === 512 ? { plus: 30 } : size === 4096 ? { plus: 100 } : undefined);
const farOutputBar = ({ link }: Scenario): BarRule | undefined => (link.word === '20' ? { plus: 5_000 } : undefined);
const megabytesPerSecond = (bytes: number, ms: number): number => bytes / 1000 / ms;

const arrivals: readonly RowKind[] = [
  { name: 'running', unit: 'ms', parts: ['moves', 'postcopy'], ours: ({ ours }) => ours.firstArrival.map(({ runningMs }) => runningMs), peerName: postcopy, peer: ({ peers }) => peers.postcopy.map(({ runningMs }) => runningMs), bar: runningBar },
  { name: 'running, of a desktop that has moved before', unit: 'ms', parts: ['moves', 'postcopy'], ours: ({ ours }) => ours.knownDesktop.map(({ runningMs }) => runningMs), peerName: postcopy, peer: ({ peers }) => peers.postcopy.map(({ runningMs }) => runningMs), bar: runningBar },
  { name: 'running, back on a known host', unit: 'ms', parts: ['moves', 'postcopy'], ours: ({ ours }) => ours.knownHost.map(({ runningMs }) => runningMs), peerName: postcopy, peer: ({ peers }) => peers.postcopy.map(({ runningMs }) => runningMs), bar: runningBar },
  { name: 'fetched before running', unit: 'bytes', parts: ['moves'], ours: ({ ours }) => [...ours.firstArrival, ...ours.knownDesktop].map(({ bytesBeforeRunning }) => bytesBeforeRunning), peerName: 'nobody', peer: () => [], bar: () => ({ plus: mib }) },
  { name: 'first output', unit: 'ms', parts: ['moves', 'postcopy'], ours: ({ ours }) => ours.firstArrival.map(({ firstOutputMs }) => firstOutputMs), peerName: postcopy, peer: ({ peers }) => peers.postcopy.map(({ firstOutputMs }) => firstOutputMs), bar: farOutputBar },
  {
    name: 'first output, working set recorded', unit: 'ms', parts: ['moves', 'postcopy'], ours: ({ ours }) => ours.knownDesktop.map(({ firstOutputMs }) => firstOutputMs), peerName: postcopy,
    peer: ({ peers }) => peers.postcopy.map(({ firstOutputMs }) => firstOutputMs), bar: (scenario) => farOutputBar(scenario) ?? atHome({ plus: 700 })(scenario),
  },
  { name: 'first output, back on a known host', unit: 'ms', parts: ['moves', 'postcopy'], ours: ({ ours }) => ours.knownHost.map(({ firstOutputMs }) => firstOutputMs), peerName: postcopy, peer: ({ peers }) => peers.postcopy.map(({ firstOutputMs }) => firstOutputMs), bar: farOutputBar },
  { name: 'everything there', unit: 'ms', parts: ['moves', 'precopy'], ours: ({ ours }) => ours.firstArrival.map(({ completeMs }) => completeMs), peerName: 'QEMU to QEMU, pre-copy', peer: ({ peers }) => peers.precopy.map(({ cost }) => cost.totalMs), where: onLoopback },
  { name: 'everything there', unit: 'ms', parts: ['moves', 'plain'], ours: ({ ours }) => ours.firstArrival.map(({ completeMs }) => completeMs), peerName: plainGet, peer: ({ plain }) => plain.firstGet },
  { name: 'everything there, back on a known host', unit: 'ms', parts: ['moves', 'plain'], ours: ({ ours }) => ours.knownHost.map(({ completeMs }) => completeMs), peerName: plainGet, peer: ({ plain }) => plain.firstGet },
  { name: 'fetched in all', unit: 'bytes', parts: ['moves'], ours: ({ ours }) => ours.firstArrival.map(({ bytesFetched }) => bytesFetched), peerName: 'nobody', peer: () => [] },
  { name: 'fetched in all, back on a known host', unit: 'bytes', parts: ['moves'], ours: ({ ours }) => ours.knownHost.map(({ bytesFetched }) => bytesFetched), peerName: 'nobody', peer: () => [] },
  { name: 'from the cache, back on a known host', unit: 'bytes', parts: ['moves'], ours: ({ ours }) => ours.knownHost.map(({ bytesFromCache }) => bytesFromCache), peerName: 'nobody', peer: () => [] },
];

const captures: readonly RowKind[] = [
  { name: 'pause of a checkpoint', unit: 'ms', parts: ['checkpoints', 'streams'], ours: ({ ours }) => [...ours.first, ...ours.later].map(({ pauseMs }) => pauseMs), peerName: plainFile, peer: ({ peers }) => peers.plainFile.map(({ cost }) => cost.pauseMs), bar: pauseBar },
  {
    name: 'pause of a suspend', unit: 'ms', parts: ['suspends', 'streams'], ours: ({ ours }) => [...ours.firstSuspend, ...ours.protectedSuspend, ...ours.movedSuspend].map(({ pauseMs }) => pauseMs),
    peerName: plainFile, peer: ({ peers }) => peers.plainFile.map(({ cost }) => cost.pauseMs),
  },
  { name: 'first checkpoint, durable', unit: 'ms', parts: ['checkpoints', 'streams'], ours: ({ ours }) => ours.first.map(({ durableMs }) => durableMs), peerName: zstd, peer: ({ peers }) => peers.zstdFile.map(({ cost }) => cost.totalMs), bar: atHome({ factor: 2 }), where: onLoopback },
  { name: 'first checkpoint, durable', unit: 'ms', parts: ['checkpoints', 'plain'], ours: ({ ours }) => ours.first.map(({ durableMs }) => durableMs), peerName: plainPut, peer: ({ plain }) => plain.firstPut },
  { name: 'first checkpoint, bytes', unit: 'bytes', parts: ['checkpoints', 'streams'], ours: ({ ours }) => ours.first.map(({ bytesUploaded }) => bytesUploaded), peerName: zstd, peer: ({ peers }) => peers.zstdFile.map(({ bytes }) => bytes), where: onLoopback },
  {
    name: 'first checkpoint, throughput', unit: 'MB/s', parts: ['checkpoints', 'plain'], ours: ({ ours }) => ours.first.map(({ bytesUploaded, durableMs }) => megabytesPerSecond(bytesUploaded, durableMs)),
    peerName: plainPut, peer: ({ plain }) => plain.firstPut.map((ms) => megabytesPerSecond(plain.firstBytes, ms)),
  },
  { name: 'later checkpoint, durable', unit: 'ms', parts: ['checkpoints', 'streams'], ours: ({ ours }) => ours.later.map(({ durableMs }) => durableMs), peerName: plainFile, peer: ({ peers }) => peers.plainFile.map(({ cost }) => cost.totalMs), bar: atHome({ factor: 1.2 }), where: onLoopback },
  { name: 'later checkpoint, durable', unit: 'ms', parts: ['checkpoints', 'plain'], ours: ({ ours }) => ours.later.map(({ durableMs }) => durableMs), peerName: plainPut, peer: ({ plain }) => plain.laterPut },
  { name: 'later checkpoint, bytes', unit: 'bytes', parts: ['checkpoints'], ours: ({ ours }) => ours.later.map(({ bytesUploaded }) => bytesUploaded), peerName: 'zstd -1 of the pages that changed', peer: ({ ours }) => ours.changed.map(({ compressedBytes }) => compressedBytes), bar: () => ({ factor: 1.15, plus: 200 * kib }) },
  { name: 'later checkpoint, pages', unit: 'pages', parts: ['checkpoints'], ours: ({ ours }) => ours.later.map(({ pagesChanged }) => pagesChanged), peerName: 'pages that differ in memory', peer: ({ ours }) => ours.changed.map(({ pages }) => pages) },
  ...backupRows('restic', ({ peers }) => peers.restic),
  ...backupRows('borg', ({ peers }) => peers.borg),
  {
    name: 'suspend right after a checkpoint, durable', unit: 'ms', parts: ['checkpoints', 'suspends', 'streams'], ours: ({ ours }) => ours.protectedSuspend.map(({ durableMs }) => durableMs),
    peerName: zstd, peer: ({ peers }) => peers.zstdFile.map(({ cost }) => cost.totalMs), bar: (scenario) => (scenario.size === 2048 ? atHome({ plus: 2_000 })(scenario) : undefined), where: onLoopback,
  },
  { name: 'suspend right after a checkpoint, durable', unit: 'ms', parts: ['checkpoints', 'suspends', 'plain'], ours: ({ ours }) => ours.protectedSuspend.map(({ durableMs }) => durableMs), peerName: plainPut, peer: ({ plain }) => plain.laterPut, where: onShaped },
  { name: 'suspend after a move, durable', unit: 'ms', parts: ['moves', 'plain'], ours: ({ ours }) => ours.movedSuspend.map(({ durableMs }) => durableMs), peerName: plainPut, peer: ({ plain }) => plain.laterPut },
];

function backupRows(name: 'restic' | 'borg', of: (figures: Figures) => Backups): RowKind[] {
  const parts: readonly Part[] = ['checkpoints', 'backups'];
  const [first, later] = [`${name} of the memory image`, `${name} of the memory image once more`];
  return [
    { name: 'first checkpoint, durable', unit: 'ms', parts, ours: ({ ours }) => ours.first.map(({ durableMs }) => durableMs), peerName: first, peer: (figures) => of(figures).first.map(({ ms }) => ms), where: onLoopback },
    { name: 'later checkpoint, durable', unit: 'ms', parts, ours: ({ ours }) => ours.later.map(({ durableMs }) => durableMs), peerName: later, peer: (figures) => of(figures).later.map(({ ms }) => ms), where: onLoopback },
    {
      name: 'later checkpoint, bytes', unit: 'bytes', parts, ours: ({ ours }) => ours.later.map(({ bytesUploaded }) => bytesUploaded), peerName: later, peer: (figures) => of(figures).later.map(({ addedBytes }) => addedBytes),
      ...(name === 'restic' ? { bar: atHome({ factor: 0.1 }) } : {}), where: onLoopback,
    },
  ];
}

const ofTheLink: readonly RowKind[] = [
  { name: 'the link itself, round trip', unit: 'ms', parts: ['link'], ours: ({ link }) => link.roundTripMs, peerName: 'the link by its name', peer: () => [], where: onShaped },
  { name: 'the link itself, up', unit: 'MB/s', parts: ['link'], ours: ({ link }) => link.upBytesPerMs.map((rate) => rate / 1000), peerName: 'the link by its name', peer: () => [], where: onShaped },
  { name: 'the link itself, down', unit: 'MB/s', parts: ['link'], ours: ({ link }) => link.downBytesPerMs.map((rate) => rate / 1000), peerName: 'the link by its name', peer: () => [], where: onShaped },
];

/** What the link is by its name, for the rows that hold it against that: within a tenth. */
function nominal(name: string, { roundTripMs, bitsPerSecond }: LinkShape): { readonly peer: readonly number[]; readonly bar: BarRule } {
  return name.endsWith('round trip') ? { peer: [roundTripMs], bar: { factor: 1.1 } } : { peer: [bitsPerSecond / 8e6], bar: { factor: 0.9, atLeast: true } };
}

const kinds: readonly RowKind[] = [...arrivals, ...captures, ...ofTheLink];

/** The rows of a scenario, or those whose name contains `only`. */
function kindsOf(scenario: Scenario, only: string | undefined): RowKind[] {
  return kinds.filter(({ name, where }) => (only === undefined || name.includes(only)) && (where?.(scenario) ?? true));
}

export const rowNames: readonly string[] = [...new Set(kinds.map(({ name }) => name))];

/** Everything that has to be measured for the rows, and nothing else. */
export function partsOf(scenario: Scenario, only: string | undefined): Set<Part> {
  return new Set(kindsOf(scenario, only).flatMap(({ parts }) => parts));
}

/** Every row that has figures, and the names of those that have none. */
export function rowsOf(scenario: Scenario, only: string | undefined, figures: Figures, place: Place): { rows: BenchRow[]; empty: { name: string; peerName: string }[] } {
  const [rows, empty]: [BenchRow[], { name: string; peerName: string }[]] = [[], []];
  for (const { name, unit, parts, ours, peerName, peer, bar } of kindsOf(scenario, only)) {
    const own = ours(figures).filter((value) => value !== null);
    const { shape } = scenario.link;
    const other = parts.includes('link') && shape !== undefined ? nominal(name, shape) : { peer: peer(figures), bar: bar?.(scenario) };
    if (own.length === 0 || (other.peer.length === 0 && peerName !== 'nobody')) empty.push({ name, peerName });
    else rows.push(row({ name, unit, ours: own, peerName, ...other }, place));
  }
  return { rows, empty };
}
