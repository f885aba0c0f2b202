import { totalmem } from 'node:os';
import { statfs } from 'node:fs/promises';
import type { Home } from '../home.ts';
import type { HostCapabilities } from '../machine/fitness.ts';
import type { Account } from './account.ts';

export const agentVersion = '0.1.0';

/** Tells the coordinator what this host can run. Advice for people and planners: each resume checks for itself. */
export async function reportHost(account: Account, capabilities: HostCapabilities, home: Home): Promise<void> {
  const { bavail, bsize } = await statfs(home.directory);
  await account.coordinator.call('reportHost', {
    body: {
      agentVersion,
      qemuVersions: [capabilities.qemuVersion],
      machineTypes: capabilities.machineTypes.filter((name) => name.startsWith('pc-q35-')).slice(0, 256),
      cpuModels: [...capabilities.cpuModels].filter(([, missing]) => missing.length === 0).map(([name]) => name).slice(0, 256),
      accelerators: [capabilities.accelerator],
      ramBytes: totalmem(),
      diskFreeBytes: bavail * bsize,
      userfaultfd: capabilities.postcopyRefusal === undefined,
      capabilities: {},
    },
  });
}
