import { setTimeout as sleep } from 'node:timers/promises';
import type { ArriveFigures, ControlResult, DepartFigures } from '@godwit/wire';
import { enrolSecond, House, type TestHost } from '../house/house.ts';
import { waitForTick, waitForWhole, type GuestTick } from '../house/guest.ts';

/** The main job, as two people at two laptops would do it, with the programs that they would use. */

export interface Move {
  readonly from: string;
  readonly to: string;
  readonly depart: DepartFigures;
  readonly arrive: ArriveFigures;
  /** From the guest's stop on one host to its going on at the other: both clocks are this machine's. */
  readonly stoodStillMs: number;
  readonly before: GuestTick;
  readonly after: GuestTick;
}

export interface Story {
  readonly desktop: ControlResult<'create'>;
  readonly moves: readonly Move[];
  readonly verified: ControlResult<'verify'>;
}

export interface Guest {
  readonly image: string;
  readonly memory: string;
}

export type Tell = (what: string, found: string) => void;

const desktopName = 'work';
const workMs = 10_000;
const completeMs = 120_000;

export async function play(guest: Guest, tell: Tell): Promise<Story> {
  await using house = new House();
  await house.startCoordinator();
  tell('coordinator', `${house.url}, with its own PostgreSQL and a directory of objects`);
  const [a, b] = await Promise.all([house.addHost('laptop-a'), house.addHost('laptop-b')]);
  const account = await a.must('init', '--coordinator', house.url, '--name', a.name);
  tell('laptop-a', `godwit init: a new account, fingerprint ${account.fingerprint}, ${account.recoveryWords.length} recovery words shown once`);
  await enrolSecond(a, b, house.url);
  tell('laptop-b', 'godwit join: shown a code; godwit approve CODE on laptop-a let it in');
  const desktop = await a.must('create', desktopName, '--image', guest.image, '--memory', guest.memory, '--cpus', '1');
  await a.must('start', desktopName);
  const first = await waitForTick(a, desktopName, ({ counter }) => counter >= 5);
  tell('desktop', `godwit create, godwit start: it runs on laptop-a and is busy, counter ${first.counter}, uptime ${first.uptimeSeconds} s`);
  await sleep(workMs);
  const there = await move(a, b, tell);
  await sleep(workMs);
  const back = await move(b, a, tell);
  const verified = await a.must('verify', desktopName, '--data');
  return { desktop, moves: [there, back], verified };
}

async function move(from: TestHost, to: TestHost, tell: Tell): Promise<Move> {
  const before = await waitForTick(from, desktopName, () => true);
  const { depart, sequence } = await from.suspend(desktopName);
  const { arrive: running } = await to.must('resume', desktopName);
  tell(`${from.name} -> ${to.name}`, `godwit suspend, godwit resume: checkpoint ${sequence}, running after ${Math.round(running.runningMs ?? 0)} ms`);
  const arrive = await waitForWhole(to, desktopName, completeMs);
  const arrived = await waitForTick(to, desktopName, ({ counter }) => counter > before.counter);
  // Every block of its memory looked at since it arrived.
  const blocks = before.filledBytes / 2 ** 20;
  const after = await waitForTick(to, desktopName, ({ looks }) => looks >= arrived.looks + blocks);
  return { from: from.name, to: to.name, depart, arrive, stoodStillMs: (arrive.resumedAtMs ?? 0) - depart.stoppedAtMs, before, after };
}

/** The guest never stopped being the same: its counter and its own clock went on, memory and disk hold. */
export function isSameSystem({ before, after }: Move): boolean {
  return after.counter > before.counter && after.uptimeSeconds > before.uptimeSeconds && after.memoryOk && after.diskOk;
}
