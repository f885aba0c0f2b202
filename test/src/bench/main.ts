/**
 * `npm run bench [-- --json FILE] [--quick] [--only NAME] [--runs N]`: what Godwit takes and what its peers take for the same guest, in one
 * run on this machine. Nothing else should run meanwhile. `--quick`: 512 MiB and 3 runs, at most 5 minutes.
 */
import { writeFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { mkdtempSync, rmSync } from 'node:fs';
import { parseArgs } from 'node:util';
import { probeCapabilities } from '@godwit/agent';
import { silentLog } from '@godwit/base';
import { describeMachine } from './machine.ts';
import { measureMoves } from './our-moves.ts';
import { measurePeers } from './peer-figures.ts';
import { benchTable, type BenchRow } from './row.ts';
import { rowsOf } from './rows.ts';

const guestDirectory = resolve(import.meta.dirname, '..', '..', '..', '.cache', 'guest');
const workMs = 10_000;
const quickWorkMs = 4_000;

interface Size {
  readonly memoryMiB: number;
  readonly image: string;
}

const sizes: readonly Size[] = [{ memoryMiB: 512, image: 'guest.raw' }, { memoryMiB: 2048, image: 'guest.raw' }, { memoryMiB: 4096, image: 'guest.raw' }];

async function main(): Promise<void> {
  const { values } = parseArgs({ options: { json: { type: 'string' }, quick: { type: 'boolean', default: false }, only: { type: 'string' }, runs: { type: 'string' } } });
  const tell = (text: string): void => void process.stderr.write(`${text}\n`);
  const machine = describeMachine();
  const scratchDirectory = mkdtempSync('/tmp/godwit-p-');
  const rows: BenchRow[] = [];
  try {
    const host = await probeCapabilities({ program: 'qemu-system-x86_64', privilege: { kind: 'self' }, scratchDirectory: join(scratchDirectory, 'probe'), log: silentLog });
    for (const { memoryMiB, image } of values.quick ? sizes.slice(0, 1) : sizes) {
      const common = { image: join(guestDirectory, image), memoryMiB, runs: Number(values.runs ?? (values.quick ? 3 : 5)), workMs: values.quick ? quickWorkMs : workMs, tell };
      const peers = await measurePeers({ host, ...common });
      const ours = await measureMoves(common);
      rows.push(...rowsOf({ guestMiB: memoryMiB, link: 'loopback', load: 'idle' }, ours, peers).filter(({ name }) => values.only === undefined || name.includes(values.only)));
    }
  } finally {
    rmSync(scratchDirectory, { recursive: true, force: true });
  }
  process.stdout.write(`${machine.cores} cores ${machine.cpu}, ${machine.system}, QEMU ${machine.qemu}, Node ${machine.node}, load ${machine.loadBefore.toFixed(2)} before\n\n${benchTable(rows)}\n`);
  if (values.json !== undefined) writeFileSync(values.json, `${JSON.stringify({ machine, rows }, undefined, 2)}\n`);
}

await main();
