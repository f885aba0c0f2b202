/** `npm run test:mutate -- [--json FILE] [--seed SEED]`: what a hostile store can do to a repository, and what came of it. */
import { randomBytes } from 'node:crypto';
import { writeFileSync } from 'node:fs';
import { parseArgs } from 'node:util';
import { fullSize, runCampaign, type Campaign, type Tally } from './campaign.ts';

const { values } = parseArgs({ options: { json: { type: 'string' }, seed: { type: 'string' } } });
const seed = values.seed ?? randomBytes(8).toString('hex');
process.stdout.write(`seed ${seed} (again with: npm run test:mutate -- --seed ${seed})\n`);

const startedMs = performance.now();
let toldMs = startedMs;
const campaign = await runCampaign({
  ...fullSize,
  seed,
  onProgress: ({ mutations }) => {
    if (performance.now() - toldMs < 10_000) return;
    toldMs = performance.now();
    process.stdout.write(`${mutations} mutations in ${Math.round((toldMs - startedMs) / 1000)} s\n`);
  },
});
const durationS = (performance.now() - startedMs) / 1000;
process.stdout.write(table(campaign));
process.stdout.write(`${campaign.failures.map((failure) => `FAILED ${failure}\n`).join('')}took ${durationS.toFixed(1)} s\n`);
if (values.json !== undefined) {
  const { mutations, refused, plaintextBytesReleased, unexpectedFaults, kinds } = campaign;
  writeFileSync(values.json, `${JSON.stringify({ seed, mutations, refused, plaintextBytesReleased, unexpectedFaults, kinds, durationS: Number(durationS.toFixed(1)) }, undefined, 2)}\n`);
}
process.exitCode = campaign.refused === campaign.mutations && campaign.plaintextBytesReleased === 0 && campaign.unexpectedFaults === 0 ? 0 : 1;

function table(all: Campaign): string {
  const line = (name: string, { mutations, refused, plaintextBytesReleased, unexpectedFaults }: Tally): string =>
    `${name.padEnd(24)}${[mutations, refused, plaintextBytesReleased, unexpectedFaults].map((value) => String(value).padStart(12)).join('')}\n`;
  const heading = `${'what was changed'.padEnd(24)}${['mutations', 'refused', 'released B', 'unexpected'].map((name) => name.padStart(12)).join('')}\n`;
  return heading + Object.entries(all.kinds).map(([kind, tally]) => line(kind, tally)).join('') + line('all', all);
}
