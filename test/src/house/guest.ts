import { setTimeout as sleep } from 'node:timers/promises';
import type { ArriveFigures } from '@godwit/wire';
import type { TestHost } from './house.ts';

/** One tick of the test guest (infra/README.md, "Test guest"). */
export interface GuestTick {
  readonly counter: number;
  readonly uptimeSeconds: number;
  readonly memoryOk: boolean;
  readonly diskOk: boolean;
  readonly passes: number;
  /** Blocks of 1 MiB compared with their sums, one after the other, round and round. */
  readonly looks: number;
  readonly filledBytes: number;
}

const pattern = /^godwit-guest counter=(\d+) uptime=([\d.]+) passes=(\d+) looks=(\d+) memory=(\w+) disk=(\w+) filled=(\d+) phase=ready$/;

export function parseTick(line: string): GuestTick | undefined {
  const match = pattern.exec(line);
  if (match === null) return undefined;
  const [, counter, uptime, passes, looks, memory, disk, filled] = match;
  return { counter: Number(counter), uptimeSeconds: Number(uptime), passes: Number(passes), looks: Number(looks), memoryOk: memory === 'ok', diskOk: disk === 'ok', filledBytes: Number(filled) };
}

export async function lastTick(host: TestHost, desktop: string): Promise<GuestTick | undefined> {
  return (await host.consoleLines(desktop)).map(parseTick).findLast((tick) => tick !== undefined);
}

/** Waits for a tick that `accepts` likes; throws after `timeoutMs` with the last line seen. */
export async function waitForTick(host: TestHost, desktop: string, accepts: (tick: GuestTick) => boolean, timeoutMs = 90_000): Promise<GuestTick> {
  const deadlineMs = performance.now() + timeoutMs;
  for (;;) {
    const tick = await lastTick(host, desktop);
    if (tick !== undefined && accepts(tick)) return tick;
    if (performance.now() > deadlineMs) throw new Error(`the guest on ${host.name} did not get there: ${JSON.stringify(tick)}; ${(await host.consoleLines(desktop, 3)).join(' | ')}`);
    await sleep(200);
  }
}

/** Waits until everything is there, and gives the figures of the whole arrival; throws after `timeoutMs` with the last line seen. */
export async function waitForWhole(host: TestHost, desktop: string, timeoutMs: number): Promise<ArriveFigures> {
  const deadlineMs = performance.now() + timeoutMs;
  while (performance.now() < deadlineMs) {
    const [found] = (await host.call('status', { name: desktop })).desktops;
    const arrival = found?.arrival ?? undefined;
    if (typeof arrival?.completeMs === 'number' && arrival.firstOutputMs !== null) return arrival;
    await sleep(200);
  }
  throw new Error(`${desktop} is not whole on ${host.name} after ${timeoutMs} ms: ${JSON.stringify(await lastTick(host, desktop))}`);
}
