import { readFileSync, writeFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { parseArgs } from 'node:util';
import { execFileSync } from 'node:child_process';
import { bytesText } from '@godwit/agent';
import { isSameSystem, play, type Story } from './story.ts';
import { storyTable } from './table.ts';

/** `npm run demo [-- --json FILE]`: suspend here, resume there, and back, on real QEMU; prints what happened and what it cost. */

const guestDirectory = resolve(import.meta.dirname, '..', '..', '..', '.cache', 'guest');

interface GuestFacts {
  readonly fillBytes: number;
  readonly sizeBytes: number;
}

function report(story: Story, facts: GuestFacts): unknown {
  return {
    qemu: /version (\S+)/.exec(execFileSync('qemu-system-x86_64', ['--version'], { encoding: 'utf8' }))?.[1] ?? '',
    accelerator: story.desktop.accelerator,
    guest: { ramBytes: story.desktop.memoryBytes, filledBytes: facts.fillBytes, diskBytes: story.desktop.disks[0]?.lengthBytes ?? 0 },
    moves: story.moves.map(({ from, to, depart, arrive, stoodStillMs, before, after }) => ({
      from,
      to,
      depart,
      arrive,
      stoodStillMs,
      guest: { counterBefore: before.counter, counterAfter: after.counter, uptimeBefore: before.uptimeSeconds, uptimeAfter: after.uptimeSeconds, memoryOk: after.memoryOk, diskOk: after.diskOk },
    })),
  };
}

async function main(): Promise<void> {
  const { values } = parseArgs({ options: { json: { type: 'string' } } });
  const facts = JSON.parse(readFileSync(join(guestDirectory, 'guest.json'), 'utf8')) as GuestFacts;
  const tell = (what: string, found: string): void => void process.stdout.write(`  ${what.padEnd(22)}${found}\n`);
  process.stdout.write('Godwit: one desktop, two laptops, and a store that sees only ciphertext.\n\n');
  const story = await play({ image: join(guestDirectory, 'guest.raw'), memory: '512M' }, tell);
  const { verified, moves } = story;
  process.stdout.write(`\n${storyTable(story)}\n\n`);
  const same = moves.every(isSameSystem);
  process.stdout.write(same ? 'It is the same running system: its counter and its clock went on, its memory and its disk hold.\n' : 'IT IS NOT THE SAME SYSTEM ANY MORE: see the last lines of the table.\n');
  process.stdout.write(`godwit verify --data: ${verified.checkpoints} checkpoints, ${verified.packs} packs, ${bytesText(verified.bytes)}: ${verified.good ? 'whole, and signed by its devices' : 'DAMAGED'}.\n`);
  if (values.json !== undefined) writeFileSync(values.json, `${JSON.stringify(report(story, facts), undefined, 2)}\n`);
  if (!same || !verified.good) process.exitCode = 1;
}

try {
  await main();
} catch (error) {
  process.stderr.write(`demo: ${error instanceof Error ? error.message : String(error)}\n`);
  process.exitCode = 1;
}
