import { connect } from 'node:net';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { once } from 'node:events';
import { homeAt } from '@godwit/agent';
import type { DesktopId } from '@godwit/base';
import { lastTick, parseTick, waitForTick } from './guest.ts';
import type { TestHost } from './house.ts';

/** What the test guest does when it is asked (infra/README.md, "Test guest"): `fill MIB`, `free` or `reboot`. */
export type GuestOrder = `fill ${number}` | 'free' | 'reboot';

const obeyMs = 120_000;

/** Resolves when the guest of a desktop that runs on `host` has done it, with `reboot` when it has gone down; throws after two minutes. */
export async function orderGuest(host: TestHost, desktop: { readonly name: string; readonly desktopId: string }, order: GuestOrder): Promise<void> {
  const before = await lastTick(host, desktop.name);
  // What an earlier order brought lies before this tick.
  const { counter } = await waitForTick(host, desktop.name, (tick) => tick.counter > (before?.counter ?? 0));
  const socket = connect(join(homeAt(host.home).desktop(desktop.desktopId as DesktopId).machineDirectory, 'port3'));
  await once(socket, 'connect');
  try {
    socket.write(`${order}\n`);
    for (let waitedMs = 0; ; waitedMs += 100) {
      const lines = await host.consoleLines(desktop.name, 1000);
      const since = lines.slice(lines.findLastIndex((line) => parseTick(line)?.counter === counter) + 1);
      if (since.some((line) => line.includes('phase=obeyed') || line.includes('reboot:'))) return;
      if (waitedMs > obeyMs) throw new Error(`the guest did not do it: ${order}`);
      await sleep(100);
    }
  } finally {
    socket.destroy();
  }
}
