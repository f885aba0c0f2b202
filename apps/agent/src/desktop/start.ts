import { assertFit } from '../machine/fitness.ts';
import { Machine } from '../machine/machine.ts';
import { machineHost, roomOf, type Host } from './host.ts';
import type { LocalDesktop } from './local-desktop.ts';
import { mergeLayers } from './merge-layers.ts';

/** Boots a desktop from its disks. Throws what keeps it from running here: HOST_UNFIT, LEASE_UNCONFIRMED, DESKTOP_SUPERSEDED, GUARD_LOST, QEMU_ENDED. */
export async function startDesktop(host: Host, desktop: LocalDesktop): Promise<void> {
  desktop.assertStartable();
  assertFit(desktop.record.contract, host.capabilities, await roomOf(host, 0));
  await host.leases.assertMayStart(desktop);
  await mergeLayers(host, desktop);
  const machine = await Machine.launch(machineHost(host), { home: desktop.home, contract: desktop.record.contract, disks: desktop.layers(), incoming: false, paused: true });
  try {
    await desktop.update({ machine: machine.process.id });
    await host.leases.guardMachine(desktop);
  } catch (error) {
    // Nobody would ever know of it.
    await machine.end();
    throw error;
  }
  desktop.attach(machine);
  await desktop.goOn();
}
