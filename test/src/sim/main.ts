/**
 * `npm run sim -- [--seeds N] [--first SEED] [--json FILE]`: so many worlds of hosts, users and faults, each from one seed, and what they
 * broke. `--seed S` runs one of them and tells its story. `--broken RULE` breaks a rule on purpose.
 */
import { randomInt } from 'node:crypto';
import { writeFileSync } from 'node:fs';
import { parseArgs } from 'node:util';
import { brokenRules, type BrokenRule } from './broken-rules.ts';
import { runSeed, runSeeds, type Violation } from './run.ts';

const { values } = parseArgs({ options: { seeds: { type: 'string' }, first: { type: 'string' }, seed: { type: 'string' }, json: { type: 'string' }, lines: { type: 'string' }, broken: { type: 'string' } } });
const broken = values.broken === undefined ? undefined : ruleOf(values.broken);
const print = (text: string): boolean => process.stdout.write(`${text}\n`);

if (values.seed !== undefined) one(wholeNumber(values.seed));
else many(values.first === undefined ? randomInt(2 ** 31) : wholeNumber(values.first), wholeNumber(values.seeds ?? '1000'));

function one(seed: number): void {
  const { steps, violation } = runSeed(seed, { broken, storyLines: wholeNumber(values.lines ?? '60') });
  print(`seed ${seed}: ${steps} steps, ${violation === undefined ? 'nothing violated' : 'violated'}`);
  if (violation !== undefined) tell(violation);
}

function many(first: number, seeds: number): void {
  print(`seeds ${first} to ${first + seeds - 1} (again with: npm run sim -- --first ${first} --seeds ${seeds}${broken === undefined ? '' : ` --broken ${broken}`})`);
  const startedMs = performance.now();
  const summary = runSeeds(first, seeds, { broken });
  const seconds = (performance.now() - startedMs) / 1000;
  for (const violation of summary.violations.slice(0, 5)) tell(violation);
  const { steps, violations, commits, forks, takeOvers, unguarded } = summary;
  print(`${seeds} seeds, ${steps} steps (${Math.round(steps / seconds)} per second), ${commits} checkpoints, ${takeOvers} take-overs, ${forks} forks, ${unguarded} times two ran without a live guard`);
  print(`${violations.length} violations in ${seconds.toFixed(1)} s`);
  if (values.json !== undefined) writeFileSync(values.json, `${JSON.stringify({ seeds, steps, violations: violations.length, firstBadSeed: violations[0]?.seed ?? null, first, seconds: Number(seconds.toFixed(1)) }, undefined, 2)}\n`);
  process.exitCode = violations.length === 0 ? 0 : 1;
}

function tell({ seed, step, what, story }: Violation): void {
  print(`\nVIOLATED in seed ${seed}, step ${step}: ${what}`);
  for (const line of story) print(`  ${line}`);
  print(`  again with: npm run sim -- --seed ${seed}${broken === undefined ? '' : ` --broken ${broken}`}\n`);
}

function wholeNumber(text: string): number {
  const number = Number(text);
  if (!Number.isSafeInteger(number) || number < 0) throw new Error(`expected a whole number, found ${text}`);
  return number;
}

function ruleOf(name: string): BrokenRule {
  if (Object.hasOwn(brokenRules, name)) return name as BrokenRule;
  throw new Error(`expected one of ${Object.keys(brokenRules).join(', ')}, found ${name}`);
}
