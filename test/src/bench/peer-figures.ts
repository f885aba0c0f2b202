import { mkdtempSync, rmSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import type { HostCapabilities } from '@godwit/agent';
import { borgPeer, resticPeer, type Backup, type BackupPeer } from './backup-peers.ts';
import { saveMemory } from './guest-pages.ts';
import type { LinkShape } from './links.ts';
import { PeerMachine, type MigrationCost, type PeerMove } from './peer-machine.ts';
import { rounds } from './rounds.ts';
import { endWithBench } from './running.ts';

/** A stream of the whole machine into a file. */
export interface PeerStream {
  readonly cost: MigrationCost;
  readonly bytes: number;
}

/** First a whole image, then the same guest's image after some work, again and again. */
export interface Backups {
  readonly first: Backup[];
  readonly later: Backup[];
}

/** What the peers take for the same guest. All of one guest, one after the other, so that nothing else differs. What was not asked for is empty. */
export interface PeerFigures {
  readonly zstdFile: PeerStream[];
  readonly plainFile: PeerStream[];
  readonly precopy: PeerMove[];
  readonly postcopy: PeerMove[];
  readonly restic: Backups;
  readonly borg: Backups;
}

export interface PeerParts {
  readonly streams: boolean;
  readonly backups: boolean;
  readonly precopy: boolean;
  readonly postcopy: boolean;
}

export interface PeerWish {
  readonly host: HostCapabilities;
  readonly image: string;
  readonly memoryMiB: number;
  readonly shape: LinkShape | undefined;
  readonly parts: PeerParts;
  readonly runs: number;
  readonly endMs: number;
  readonly workMs: number;
  readonly tell: (text: string) => void;
}

export function noPeerFigures(): PeerFigures {
  return { zstdFile: [], plainFile: [], precopy: [], postcopy: [], restic: { first: [], later: [] }, borg: { first: [], later: [] } };
}

export async function measurePeers(wish: PeerWish): Promise<PeerFigures> {
  const { host, image, memoryMiB, parts, workMs } = wish;
  const figures = noPeerFigures();
  if (!Object.values(parts).includes(true)) return figures;
  const directory = mkdtempSync('/tmp/godwit-p-');
  const forget = endWithBench(() => rmSync(directory, { recursive: true, force: true }));
  try {
    let machine = await PeerMachine.boot(host, image, memoryMiB);
    try {
      await sleep(workMs);
      if (parts.streams) await measureStreams(machine, directory, wish, figures);
      if (parts.backups) await measureBackups(machine, join(directory, 'memory'), wish, figures);
      for (const kind of ['precopy', 'postcopy'] as const) if (parts[kind]) machine = await measureKind(machine, kind, wish, figures);
    } finally {
      await machine.end();
    }
    return figures;
  } finally {
    forget();
    rmSync(directory, { recursive: true, force: true });
  }
}

async function measureStreams(machine: PeerMachine, directory: string, { runs, endMs, tell }: PeerWish, figures: PeerFigures): Promise<void> {
  const [zstdFile, plainFile] = [join(directory, 'stream.zst'), join(directory, 'stream')];
  for (const run of rounds(runs, endMs)) {
    figures.zstdFile.push({ cost: await machine.migrateTo(`zstd -q -1 -T0 > ${zstdFile}`), bytes: statSync(zstdFile).size });
    figures.plainFile.push({ cost: await machine.migrateTo(`cat > ${plainFile}`), bytes: statSync(plainFile).size });
    // A file that is there already would be truncated first, which takes time of its own.
    for (const file of [zstdFile, plainFile]) rmSync(file);
    tell(`QEMU to a file, ${run} of ${runs}: through zstd -1 ${Math.round(figures.zstdFile.at(-1)!.cost.totalMs)} ms, plain ${Math.round(figures.plainFile.at(-1)!.cost.totalMs)} ms`);
  }
}

async function measureBackups(machine: PeerMachine, image: string, { memoryMiB, runs, endMs, workMs, tell }: PeerWish, figures: PeerFigures): Promise<void> {
  const peers: BackupPeer[] = [];
  try {
    peers.push(await resticPeer(), await borgPeer());
    for (const run of rounds(runs + 1, endMs)) {
      if (run > 1) await sleep(workMs);
      saveMemory(machine.pid, memoryMiB * 2 ** 20, image);
      for (const peer of peers) {
        const backup = await peer.backUp(image);
        figures[peer.name][run === 1 ? 'first' : 'later'].push(backup);
        tell(`${peer.name}, image ${run} of ${runs + 1}: ${Math.round(backup.ms)} ms, ${(backup.addedBytes / 1e6).toFixed(1)} MB`);
      }
    }
  } finally {
    for (const peer of peers) peer.end();
    rmSync(image, { force: true });
  }
}

/** Moves the guest on from QEMU to QEMU; the last one has it. */
async function measureKind(first: PeerMachine, kind: 'precopy' | 'postcopy', { shape, runs, endMs, tell }: PeerWish, figures: PeerFigures): Promise<PeerMachine> {
  let machine = first;
  for (const run of rounds(runs, endMs)) {
    const { next, ...move } = await machine.moveToSecond(kind === 'postcopy', shape);
    await machine.end(next);
    machine = next;
    figures[kind].push(move);
    tell(`QEMU to QEMU by ${kind}, ${run} of ${runs}: running after ${Math.round(move.runningMs)} ms, all there after ${Math.round(move.cost.totalMs)} ms`);
  }
  return machine;
}
