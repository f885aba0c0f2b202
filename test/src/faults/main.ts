/**
 * `npm run test:faults -- [--quick] [--only NAME] [--runs N] [--seed SEED] [--json FILE]`: real faults on real processes, and what came of them.
 * `--only` takes the beginning of a name; `--runs` replaces the number of runs of each.
 */
import { randomBytes } from 'node:crypto';
import { writeFileSync } from 'node:fs';
import { parseArgs } from 'node:util';
import { seededRandom } from '../mutate/repository.ts';
import { runFaults } from './campaign.ts';
import type { RealFault } from './fault.ts';
import { registry } from './registry.ts';
import { tallyTable, totalsOf } from './report.ts';
import type { Stage } from './stage.ts';

const { values } = parseArgs({ options: { quick: { type: 'boolean' }, only: { type: 'string' }, runs: { type: 'string' }, seed: { type: 'string' }, json: { type: 'string' } } });
const seed = values.seed ?? randomBytes(8).toString('hex');
const faults = inAnyOrder(registry.filter(({ name }) => name.startsWith(values.only ?? '')));
const runs = values.runs === undefined ? undefined : Number(values.runs);
if (faults.length === 0) throw new Error(`no fault is named ${values.only}: there are ${registry.map(({ name }) => name).join(', ')}`);
if (runs !== undefined && (!Number.isInteger(runs) || runs < 1)) throw new Error(`--runs takes a number from 1, not ${values.runs}`);

const say = (line: string): void => void process.stdout.write(`${line}\n`);
say(`seed ${seed} (again with: npm run test:faults -- --seed ${seed})`);
const startedMs = performance.now();
/** A full campaign ends in an hour; the last run and the last collection come after it. */
const fullMs = 57 * 60_000;
/** A quick one in three minutes; on a machine that is too slow for all of it, other faults are left out each time. */
const quickMs = 160_000;
let open: Stage | undefined;
for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) process.once(signal, () => void (open?.close() ?? Promise.resolve()).finally(() => process.exit(130)));
const campaign = await runFaults({ faults, seed, tell: say, onStage: (stage) => (open = stage), ...(runs === undefined ? { limitMs: values.quick === true ? quickMs : fullMs } : {}), runsOf: (fault) => runs ?? (values.quick === true ? fault.quickRuns : fault.fullRuns) });
say(tallyTable(campaign.tallies));
for (const finding of campaign.findings) say(`VIOLATED ${finding}`);
say(`took ${((performance.now() - startedMs) / 1000).toFixed(1)} s`);
if (values.json !== undefined) {
  const perFault = Object.fromEntries(campaign.tallies.map(({ name, ...tally }) => [name, tally]));
  writeFileSync(values.json, `${JSON.stringify({ seed, ...totalsOf(campaign.tallies), faults: perFault }, undefined, 2)}\n`);
}
process.exitCode = totalsOf(campaign.tallies).violations === 0 ? 0 : 1;

/** Which faults come first follows from the seed. */
function inAnyOrder(all: readonly RealFault[]): RealFault[] {
  const random = seededRandom(`${seed}/order`);
  return all.map((fault) => ({ fault, place: random(6).readUIntBE(0, 6) })).sort((a, b) => a.place - b.place).map(({ fault }) => fault);
}
