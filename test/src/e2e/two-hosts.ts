import assert from 'node:assert/strict';
import { existsSync, readdirSync, statSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import type { FaultCode } from '@godwit/base';
import type { ControlCommand, DesktopStatus } from '@godwit/wire';
import { waitForTick, type GuestTick } from '../house/guest.ts';
import { enrolSecond, House, type Answer, type TestHost } from '../house/house.ts';
import { processesOf } from '../house/process-tree.ts';

/** What the end-to-end tests have in common: two enrolled hosts, a small busy guest, and how a refusal has to look. */

export const smallImage = resolve(import.meta.dirname, '..', '..', '..', '.cache', 'guest', 'guest-small.raw');
const smallMachine = ['--image', smallImage, '--memory', '256M', '--cpus', '1'];
/** What a fault may print: never a line of a stack. */
const stackLine = /^\s+at .+[:(]/m;

export interface TwoHosts {
  readonly house: House;
  readonly a: TestHost;
  readonly b: TestHost;
}

/** A coordinator and two hosts of one account. */
export async function openTwoHosts(environment: NodeJS.ProcessEnv = {}): Promise<TwoHosts> {
  const house = new House();
  try {
    await house.startCoordinator();
    const [a, b] = await Promise.all([house.addHost('laptop-a', environment), house.addHost('laptop-b')]);
    await a.must('init', '--coordinator', house.url, '--name', a.name);
    await enrolSecond(a, b, house.url);
    return { house, a, b };
  } catch (error) {
    await house.close();
    throw error;
  }
}

export async function createSmall(host: TestHost, desktop: string, ...words: string[]): Promise<void> {
  await host.must('create', desktop, ...smallMachine, ...words);
}

/** A new desktop on `host` whose guest is at work. */
export async function startBusy(host: TestHost, desktop: string): Promise<GuestTick> {
  await createSmall(host, desktop);
  await host.must('start', desktop);
  return await waitForTick(host, desktop, ({ counter }) => counter > 2);
}

/** The same running system: its counter and its clock are past `before`, and what it keeps in memory and on disk holds. */
export async function assertGoesOn(host: TestHost, desktop: string, before: GuestTick): Promise<GuestTick> {
  const tick = await waitForTick(host, desktop, ({ counter }) => counter > before.counter + 2, 30_000);
  assert.ok(tick.uptimeSeconds > before.uptimeSeconds, `uptime ${tick.uptimeSeconds} after ${before.uptimeSeconds}: it was started anew`);
  assert.deepEqual([tick.memoryOk, tick.diskOk, tick.filledBytes], [true, true, before.filledBytes]);
  return tick;
}

/** The newest tick of a guest that runs on `host`. */
export async function tickOf(host: TestHost, desktop: string): Promise<GuestTick> {
  return await waitForTick(host, desktop, () => true, 30_000);
}

/** One fault, with its code, its exit code and words that match `says`; one JSON document, and no stack. */
export function assertRefused<Command extends ControlCommand>(answer: Answer<Command>, code: FaultCode, exitCode: number, says?: RegExp): void {
  const said = `${answer.stdout}${answer.stderr}`;
  assert.equal(answer.error?.code, code, said);
  assert.equal(answer.exitCode, exitCode, said);
  if (says !== undefined) assert.match(`${answer.error.message}; ${answer.error.hint}`, says);
  assert.doesNotMatch(said, stackLine);
}

export async function statusOf(host: TestHost, desktop: string): Promise<DesktopStatus> {
  const [status] = (await host.call('status', { name: desktop })).desktops;
  assert.ok(status !== undefined);
  return status;
}

/** Waits until `host` says that the desktop is in one of `states`. */
export async function waitForState(host: TestHost, desktop: string, states: readonly DesktopStatus['state'][], timeoutMs = 30_000): Promise<DesktopStatus> {
  return await waitForStatus(host, desktop, ({ state }) => states.includes(state), timeoutMs);
}

export async function waitForStatus(host: TestHost, desktop: string, accepts: (status: DesktopStatus) => boolean, timeoutMs = 30_000): Promise<DesktopStatus> {
  const endMs = performance.now() + timeoutMs;
  for (;;) {
    const status = await statusOf(host, desktop);
    if (accepts(status)) return status;
    assert.ok(performance.now() < endMs, `${desktop} on ${host.name} stays ${status.state} (${status.note ?? 'no note'})`);
    await sleep(100);
  }
}

/** Nothing of any desktop is on this host: no file, no QEMU. */
export function assertNothingLeft(host: TestHost): void {
  assert.deepEqual(readdirSync(join(host.home, 'desktops')), []);
  assert.deepEqual(processesOf(join(host.home, 'desktops')), []);
}

/** The QEMU of the only desktop that runs on this host. */
export function machineOf(host: TestHost): number {
  const found = processesOf(join(host.home, 'desktops'));
  // Where QEMU has a PID namespace of its own, `unshare` waits in front of it with the same words; QEMU is the child, and younger.
  const pid = found.at(-1);
  assert.ok(pid !== undefined, `no machine runs on ${host.name}`);
  return pid;
}

/** The files below the coordinator's objects that are packs, largest first. */
export function packsOf(house: House): string[] {
  if (!existsSync(house.objectsDirectory)) return [];
  return readdirSync(house.objectsDirectory, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile() && entry.name.startsWith('p-'))
    .map((entry) => join(entry.parentPath, entry.name))
    .sort((x, y) => statSync(y).size - statSync(x).size);
}

/** Waits until something is in the store, which means that a departure is in the middle of its upload. */
export async function waitForUpload(house: House, packsAtLeast = 1): Promise<void> {
  for (let waitedMs = 0; packsOf(house).length < packsAtLeast; waitedMs += 20) {
    assert.ok(waitedMs < 30_000, 'nothing was uploaded');
    await sleep(20);
  }
}
