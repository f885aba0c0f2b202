import { Fault } from '@godwit/base';
import { seededRandom } from '../mutate/repository.ts';
import type { RealFault } from './fault.ts';
import { askOracles, waitForCollection } from './oracles.ts';
import { Stage } from './stage.ts';

export interface CampaignWish {
  readonly faults: readonly RealFault[];
  readonly seed: string;
  readonly runsOf: (fault: RealFault) => number;
  readonly tell: (line: string) => void;
  /** No run begins later than that. Each fault has had its first runs by then, if there was time for any. */
  readonly limitMs?: number;
  /** Told of each stage that is opened: whoever is interrupted has to end what it started. */
  readonly onStage?: (stage: Stage) => void;
}

export interface Tally {
  readonly name: string;
  readonly row: string;
  runs: number;
  violations: number;
  unknownOutcomes: number;
  slowestRecoveryMs: number;
  /** Why it was not run. */
  skipped: string | null;
}

export interface Campaign {
  readonly seed: string;
  readonly tallies: readonly Tally[];
  /** What was violated, with the run that shows it. */
  readonly findings: readonly string[];
}

/** Runs each fault so often, on one stage after the other: a stage is used again by faults of the same wish, until something was violated on it. */
export async function runFaults(wish: CampaignWish): Promise<Campaign> {
  const campaign = new Running(wish);
  try {
    for (const group of byStage(wish.faults)) await campaign.runAll(group);
    await campaign.endStage();
  } finally {
    await campaign.close();
  }
  return { seed: wish.seed, tallies: campaign.tallies, findings: campaign.findings };
}

class Running {
  readonly tallies: Tally[] = [];
  readonly findings: string[] = [];
  readonly #wish: CampaignWish;
  #stage: Stage | undefined;
  #stageKey = '';

  constructor(wish: CampaignWish) {
    this.#wish = wish;
  }

  /** In rounds, so that a campaign that comes to its limit has done some of everything. A group has the share of the time that its runs have. */
  async runAll(group: readonly RealFault[]): Promise<void> {
    const { runsOf, faults, limitMs = Infinity } = this.#wish;
    const count = (some: readonly RealFault[]): number => some.reduce((sum, fault) => sum + runsOf(fault), 0);
    const endMs = performance.now() + (limitMs * count(group)) / Math.max(1, count(faults));
    const planned = group.filter((fault) => runsOf(fault) > 0).map((fault) => ({ fault, runs: runsOf(fault), tally: this.#begin(fault) }));
    for (let round = 0; planned.some(({ runs }) => runs > round); round += 1) {
      for (const { fault, runs, tally } of planned) {
        if (round < runs && tally.skipped === null && performance.now() < endMs) await this.#runOnce(fault, round, runs, tally);
      }
    }
  }

  #begin({ name, row, lacks }: RealFault): Tally {
    const tally: Tally = { name, row, runs: 0, violations: 0, unknownOutcomes: 0, slowestRecoveryMs: 0, skipped: lacks?.() ?? null };
    this.tallies.push(tally);
    return tally;
  }

  async #runOnce(fault: RealFault, run: number, runs: number, tally: Tally): Promise<void> {
    const startedMs = performance.now();
    const random = seededRandom(`${this.#wish.seed}/${fault.name}/${run}`);
    const violations: string[] = [];
    let spent = false;
    let recoveryMs = 0;
    // Without a stage there is no campaign: that is not for the oracles to judge.
    const stage = await this.#stageFor(fault);
    try {
      await stage.ready(random);
      const happened = await fault.run(stage, random, run, runs);
      spent = happened.spent === true;
      tally.unknownOutcomes += happened.unknownOutcomes ?? 0;
      violations.push(...(happened.violations ?? []));
      const recovered = await stage.recover(happened.ends, random);
      recoveryMs = recovered.recoveryMs;
      violations.push(...recovered.violations, ...(await askOracles(stage, happened)));
    } catch (error) {
      // What could not be done or asked proves nothing: it counts as a violation, so that it is looked at.
      violations.push(`the run broke off: ${error instanceof Fault ? `${error.message} [${error.code}]` : String(error)}`);
    }
    tally.runs += 1;
    tally.violations += violations.length;
    tally.slowestRecoveryMs = Math.max(tally.slowestRecoveryMs, Math.round(recoveryMs));
    for (const violation of violations) this.findings.push(`${fault.name}, run ${run}: ${violation}`);
    this.#wish.tell(`${violations.length === 0 ? 'ok  ' : 'BAD '} ${fault.name} ${run + 1}  back in ${(recoveryMs / 1000).toFixed(1)} s, ${((performance.now() - startedMs) / 1000).toFixed(1)} s in all${violations.map((violation) => `\n     ${violation}`).join('')}`);
    if (violations.length > 0 || spent) await this.close();
  }

  /** Before a stage is left: what takes a while to be collected is waited for. */
  async endStage(): Promise<void> {
    if (this.#stage === undefined) return;
    const wrong = await waitForCollection(this.#stage);
    const tally = this.tallies.at(-1);
    if (tally !== undefined) tally.violations += wrong.length;
    for (const finding of wrong) this.findings.push(`after ${tally?.name ?? 'the last fault'}: ${finding}`);
    await this.close();
  }

  async close(): Promise<void> {
    const stage = this.#stage;
    this.#stage = undefined;
    await stage?.close();
  }

  async #stageFor(fault: RealFault): Promise<Stage> {
    const key = JSON.stringify(fault.wish ?? {});
    if (key !== this.#stageKey) await this.endStage();
    this.#stageKey = key;
    if (this.#stage === undefined) {
      this.#stage = await Stage.open(fault.wish);
      this.#wish.onStage?.(this.#stage);
    }
    return this.#stage;
  }
}

/** Faults that share a stage, in the order of the registry. */
function byStage(faults: readonly RealFault[]): RealFault[][] {
  return [...Map.groupBy(faults, ({ wish }) => JSON.stringify(wish ?? {})).values()];
}
