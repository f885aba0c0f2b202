import { mkdtempSync, readdirSync, rmSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { homeAt } from '@godwit/agent';
import type { DurableAct } from './durable-acts.ts';
import { durablePaths } from './durable-acts.ts';
import { runTraced, type Inject, type Traced } from './strace.ts';
import { orderFindings } from './write-order.ts';

/** The acts of durable-acts.ts with one system call of theirs that fails or kills, one process per call. */

const driver = resolve(import.meta.dirname, 'strace-driver.js');
/** Nothing is found there: keys then lie in plain files, and no other program runs. */
const environment = { PATH: '/nonexistent' };

/** How often each call is made when nothing fails: the `nth` that there are. Also what of that was in a wrong order. */
export async function countCalls(act: DurableAct): Promise<{ counts: ReadonlyMap<Inject['call'], number>; findings: string[] }> {
  const { traced, violations } = await tryAct(act, undefined);
  return { counts: traced.counts, findings: [...violations, ...orderFindings(traced.calls)] };
}

/** Does the act once, and then again where nothing fails: what the disk holds is right both times. */
export async function tryAct(act: DurableAct, inject: Inject | undefined): Promise<{ traced: Traced; violations: string[] }> {
  const directory = mkdtempSync('/tmp/godwit-strace-');
  const home = homeAt(directory);
  try {
    await act.prepare(home);
    const traced = runTraced([process.execPath, driver, act.name, directory], environment, durablePaths(directory), join(directory, 'trace'), inject);
    const { done, believes } = (traced.stdout === '' ? {} : JSON.parse(traced.stdout)) as { done?: boolean; believes?: unknown };
    const what = inject === undefined ? act.name : `${act.name}, ${inject.kind} at ${inject.call} ${inject.nth}`;
    const judged = async (step: string, ended: boolean | undefined, knows: unknown): Promise<string[]> => {
      try {
        return (await act.judge(home, ended, knows)).map((finding) => `${what}, ${step}: ${finding}`);
      } catch (error) {
        return [`${what}, ${step}: ${String(error)}`];
      }
    };
    const violations = await judged('after it', traced.killed ? undefined : done, believes);
    const again = await act.act(home);
    violations.push(...(await judged('done again', true, again)), ...leftOvers(directory).map((name) => `${what}: ${name} is left over`));
    return { traced, violations };
  } finally {
    rmSync(directory, { recursive: true, force: true });
  }
}

/** Every call that can be met, each with every failure. */
export function injectsOf(counts: ReadonlyMap<Inject['call'], number>, kinds: readonly Inject['kind'][]): Inject[] {
  return [...counts].flatMap(([call, count]) => Array.from({ length: count }, (_, index) => kinds.map((kind) => ({ call, kind, nth: index + 1 }))).flat());
}

function leftOvers(directory: string): string[] {
  return readdirSync(directory, { recursive: true }).map(String).filter((name) => name.endsWith('.new'));
}
