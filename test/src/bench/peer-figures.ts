import { mkdtempSync, rmSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import type { HostCapabilities } from '@godwit/agent';
import { borgPeer, resticPeer, type Backup } from './backup-peers.ts';
import { saveMemory } from './guest-pages.ts';
import { versionOf } from './machine.ts';
import { PeerMachine, type MigrationCost } from './peer-machine.ts';

/** What the peers take for the same guest. All of one guest, one after the other, so that nothing else differs. */
export interface PeerFigures {
  readonly zstdFile: { readonly cost: MigrationCost; readonly bytes: number }[];
  readonly plainFile: { readonly cost: MigrationCost; readonly bytes: number }[];
  readonly precopy: { readonly cost: MigrationCost; readonly runningMs: number }[];
  readonly postcopy: { readonly cost: MigrationCost; readonly runningMs: number }[];
  /** First a whole image, then the same guest's image after some work, again and again. */
  readonly backups: Readonly<Record<string, { readonly first: Backup; readonly later: Backup[] }>>;
}

export async function measurePeers(options: { host: HostCapabilities; image: string; memoryMiB: number; runs: number; workMs: number; tell: (text: string) => void }): Promise<PeerFigures> {
  const { host, image, memoryMiB, runs, workMs, tell } = options;
  const directory = mkdtempSync('/tmp/godwit-p-');
  const figures: PeerFigures = { zstdFile: [], plainFile: [], precopy: [], postcopy: [], backups: {} };
  let machine = await PeerMachine.boot(host, image, memoryMiB);
  try {
    await sleep(workMs);
    const [zstdFile, plainFile] = [join(directory, 'stream.zst'), join(directory, 'stream')];
    for (let run = 1; run <= runs; run += 1) {
      figures.zstdFile.push({ cost: await machine.migrateTo(`zstd -q -1 -T0 > ${zstdFile}`), bytes: statSync(zstdFile).size });
      figures.plainFile.push({ cost: await machine.migrateTo(`cat > ${plainFile}`), bytes: statSync(plainFile).size });
      rmSync(plainFile);
      tell(`${memoryMiB} MiB, peers ${run} of ${runs}: QEMU | zstd -1 ${Math.round(figures.zstdFile.at(-1)!.cost.totalMs)} ms, plain ${Math.round(figures.plainFile.at(-1)!.cost.totalMs)} ms`);
    }
    await measureBackups(machine, { directory, memoryMiB, runs, workMs }, figures, tell);
    for (let run = 1; run <= runs; run += 1) {
      for (const kind of ['precopy', 'postcopy'] as const) {
        const { next, ...cost } = await machine.moveToSecond(kind === 'postcopy');
        await machine.end(next);
        machine = next;
        figures[kind].push(cost);
      }
      tell(`${memoryMiB} MiB, QEMU to QEMU ${run} of ${runs}: pre-copy ${Math.round(figures.precopy.at(-1)!.cost.totalMs)} ms, post-copy running after ${Math.round(figures.postcopy.at(-1)!.runningMs)} ms`);
    }
    return figures;
  } finally {
    await machine.end();
    rmSync(directory, { recursive: true, force: true });
  }
}

async function measureBackups(machine: PeerMachine, options: { directory: string; memoryMiB: number; runs: number; workMs: number }, figures: PeerFigures, tell: (text: string) => void): Promise<void> {
  const { directory, memoryMiB, runs, workMs } = options;
  const image = join(directory, 'memory');
  const peers = [...(versionOf('restic', 'version') === null ? [] : [resticPeer()]), ...(versionOf('borg', '--version') === null ? [] : [borgPeer()])];
  const later = new Map(peers.map(({ name }) => [name, [] as Backup[]]));
  try {
    for (let run = 0; run <= runs; run += 1) {
      saveMemory(machine.pid, memoryMiB * 2 ** 20, image);
      for (const peer of peers) {
        const backup = peer.backUp(image);
        if (run === 0) Object.assign(figures.backups, { [peer.name]: { first: backup, later: later.get(peer.name)! } });
        else later.get(peer.name)!.push(backup);
        tell(`${memoryMiB} MiB, ${peer.name}, image ${run + 1}: ${Math.round(backup.ms)} ms, ${(backup.addedBytes / 1e6).toFixed(1)} MB`);
      }
      await sleep(workMs);
    }
  } finally {
    for (const peer of peers) peer.end();
    rmSync(image, { force: true });
  }
}
