import { readdirSync, readFileSync } from 'node:fs';
import { basename, join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import type { Random } from '@godwit/base';
import { packsOf, waitForStatus } from '../e2e/two-hosts.ts';
import { beginResume, outcomeOf, unknownIn } from './acts.ts';
import { pick, variant, type Happened, type RealFault } from './fault.ts';
import type { Stage } from './stage.ts';
import { tableB, type FaultRow } from './table-b.ts';
import { failedAnswers, type Passing, type Rule, type Toxic } from './toxics.ts';

/** Stores that fail, trickle, break off and lie, while a desktop goes into them and while it comes back. */

type Spoil = (passing: Passing, stage: Stage) => Toxic;

interface Ill {
  readonly name: string;
  readonly says: string;
  readonly spoil: Spoil;
  readonly quickRuns: number;
  readonly row?: FaultRow;
  /** Only while it is written, or only while it is read. */
  readonly only?: 'put' | 'get';
}

/** As a store that fails for a moment, and as one that fails until the command gives up. */
const failures = ['a few times', 'always'] as const;
/** Below the attempts of the store's client. */
const fewTimes = 3;

const ills: readonly Ill[] = [
  { name: 'store-500', says: 'answers 500', spoil: () => failedAnswers['answers 500'], quickRuns: 1 },
  { name: 'store-503', says: 'answers 503', spoil: () => failedAnswers['answers 503'], quickRuns: 0 },
  { name: 'store-429', says: 'answers 429', spoil: () => failedAnswers['answers 429'], quickRuns: 0 },
  { name: 'store-silent', says: 'never answers', spoil: () => ({ kind: 'silence' }), quickRuns: 0 },
  { name: 'store-resets', says: 'resets half-way', spoil: ({ method }) => ({ kind: method === 'PUT' ? 'half-request' : 'half-answer' }), quickRuns: 1 },
  { name: 'store-error-body', says: 'answers 200 with an error body', spoil: () => failedAnswers['answers 200 with an error body'], quickRuns: 1 },
  { name: 'store-short', says: 'answers with a short body', spoil: () => ({ kind: 'short-answer' }), quickRuns: 1, only: 'get' },
  { name: 'store-drops', says: 'says that it has stored what it has not', spoil: () => ({ kind: 'answer', status: 201, body: '' }), quickRuns: 1, only: 'put' },
  { name: 'store-lies', says: 'gives bytes of another object', spoil: otherBytes, quickRuns: 1, only: 'get' },
];

/** The range that is asked for, of another pack that is long enough; of an older one where there is one. */
function otherBytes({ path, headers }: Passing, { house }: Stage): Toxic {
  const [, first, last] = /bytes=(\d+)-(\d+)/.exec(headers.range ?? '') ?? [];
  const asked = basename(path.split('?')[0] ?? '');
  for (const file of packsOf(house).reverse()) {
    if (basename(file) === asked) continue;
    const bytes = readFileSync(file);
    if (first === undefined) return { kind: 'answer', status: 200, body: bytes };
    if (bytes.length <= Number(last)) continue;
    const body = bytes.subarray(Number(first), Number(last) + 1);
    return { kind: 'answer', status: 206, headers: { 'content-range': `bytes ${first}-${last}/${bytes.length}` }, body };
  }
  return { kind: 'reset' };
}

function ruleOf(stage: Stage, spoil: Spoil, times: number): Rule {
  let left = times;
  return (passing) => {
    if (passing.place !== 'store' || left === 0) return undefined;
    left -= 1;
    return spoil(passing, stage);
  };
}

async function whileSuspending(stage: Stage, spoil: Spoil, times: number): Promise<Happened> {
  stage.holder.proxy.rule = ruleOf(stage, spoil, times);
  return { ends: ['goes-on'], unknownOutcomes: unknownIn(await outcomeOf(stage.suspend())) };
}

/** Eager or not: what runs before it has everything may be lost with a store that lies, and goes back to its checkpoint. */
async function whileResuming(stage: Stage, spoil: Spoil, times: number, eager: boolean): Promise<Happened> {
  const { proxy } = stage.other();
  const begun = await beginResume(stage, 'fit', () => (proxy.rule = ruleOf(stage, spoil, times)), { eager });
  // A guest that waits for its store waits as long as it takes: ten seconds here.
  await Promise.race([begun.outcome, sleep(10_000)]);
  await proxy.heal();
  return { ends: ['goes-on', 'from-checkpoint'], unknownOutcomes: unknownIn(await begun.outcome) };
}

/** A fault that met no request proves nothing. */
async function mustMeet({ actors }: Stage, act: () => Promise<Happened>): Promise<Happened> {
  const spoilt = (): number => actors.reduce((sum, { proxy }) => sum + proxy.spoilt, 0);
  const before = spoilt();
  const happened = await act();
  return spoilt() > before ? happened : { ...happened, violations: [...(happened.violations ?? []), 'no request met the fault'] };
}

const illFaults = ills.map(({ name, says, spoil, quickRuns, only, row }): RealFault => {
  const directions = only === undefined ? (['put', 'get'] as const) : [only];
  const all = directions.flatMap((direction) => failures.map((often) => ({ direction, often })));
  return {
    name,
    row: row ?? tableB.store,
    does: `the store ${says}, a few times or always, while a desktop ${only === 'get' ? 'is resumed' : only === 'put' ? 'is suspended' : 'is suspended or resumed'}`,
    quickRuns,
    fullRuns: 2 * all.length,
    run: (stage, random, run, runs) => {
      const { direction, often } = variant(all, random, run, runs);
      const times = often === 'always' ? Infinity : 1 + pick(random, fewTimes);
      return mustMeet(stage, () => (direction === 'put' ? whileSuspending(stage, spoil, times) : whileResuming(stage, spoil, times, pick(random, 2) === 0)));
    },
  };
});

/** Everything that the guest needs next trickles, then the store is gone; it waits, says so, and goes on when the store is back. */
async function loseStore(stage: Stage, random: Random): Promise<Happened> {
  await stage.free();
  const actor = stage.other();
  actor.proxy.rule = ({ place }) => (place === 'store' ? { kind: 'throttle', bytesPerSecond: 2_000_000 } : undefined);
  await actor.host.call('resume', { name: stage.desktop, eager: false, wait: false });
  await sleep(pick(random, 500));
  actor.proxy.cut('store');
  const violations: string[] = [];
  try {
    const { state } = await waitForStatus(actor.host, stage.desktop, ({ note, state: now }) => note?.includes('waits for the store') === true || now === 'running', 30_000);
    if (state !== 'filling' && state !== 'running') violations.push(`it is ${state} and not filling while its store is away`);
  } catch (error) {
    violations.push(`nobody is told that it waits: ${error instanceof Error ? error.message : String(error)}`);
  }
  await sleep(5_000 + pick(random, 5_000));
  await actor.proxy.heal();
  return { ends: ['goes-on'], violations };
}

const storeLost: RealFault = {
  name: 'store-lost',
  row: tableB.storeLost,
  does: 'the store goes away while a guest runs that has not everything yet, for five to ten seconds',
  quickRuns: 1,
  fullRuns: 8,
  run: (stage, random) => loseStore(stage, random),
};

/** What is being written when the writer stalls belongs to a current epoch; what a rolled back suspend left behind does not. */
async function stallWriter(stage: Stage, random: Random): Promise<Happened> {
  const actor = stage.holder;
  let stalled = false;
  actor.proxy.rule = ({ route }) => {
    if (route !== 'commitCheckpoint' || stalled) return undefined;
    stalled = true;
    return { kind: 'delay', requestMs: stalledMs, answerMs: 0 };
  };
  const before = incoming(stage);
  const outcome = await outcomeOf(stage.suspend());
  actor.proxy.rule = () => undefined;
  const left = incoming(stage).filter((file) => !before.includes(file));
  await sleep(pick(random, 500));
  return { ends: ['goes-on'], unknownOutcomes: unknownIn(outcome), violations: left.map((file) => `${file} is still coming in`) };
}

/** The stage's grace time, and several rounds of upkeep. */
const stalledMs = 12_000;

function incoming({ house }: Stage): string[] {
  const directory = join(house.objectsDirectory, '.incoming');
  try {
    return readdirSync(directory);
  } catch {
    return []; // Nothing has ever come in.
  }
}

const stalledWriter: RealFault = {
  name: 'collect-stalled-writer',
  row: tableB.collection,
  does: 'all packs are stored, and the commit stalls for longer than the grace time, with rounds of collection going by',
  quickRuns: 0,
  fullRuns: 4,
  run: (stage, random) => stallWriter(stage, random),
};

export const storeFaults: readonly RealFault[] = [...illFaults, storeLost, stalledWriter];
