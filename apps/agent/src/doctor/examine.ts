import { statfs } from 'node:fs/promises';
import type { Clock } from '@godwit/base';
import type { ControlResult } from '@godwit/wire';
import { coreDumpsForbidden } from '../account/core-dumps.ts';
import type { WarmCache } from '../cache/warm-cache.ts';
import type { Host } from '../desktop/host.ts';
import { doctor } from './doctor.ts';
import { measureCoordinator, measureDisk, measureStore, type CoordinatorLink } from './links.ts';
import type { Patient } from './patient.ts';

/** What the agent brings to its doctor. */
export interface Examined extends Pick<Patient, 'home' | 'account' | 'locked' | 'privilege' | 'capabilities' | 'sleepRefusal' | 'noticeRefusal' | 'fix'> {
  readonly cache: () => WarmCache;
  readonly host: () => Promise<Host>;
  readonly clock: Clock;
}

/** The doctor on this machine as it is. */
export function examine({ cache, host, clock, ...patient }: Examined): Promise<ControlResult<'doctor'>> {
  let link: Promise<CoordinatorLink> | undefined;
  return doctor({
    ...patient,
    dumpsForbidden: coreDumpsForbidden,
    freeBytes: async (directory) => {
      const { bavail, bsize } = await statfs(directory);
      return bavail * bsize;
    },
    writeBytesPerSecond: (directory) => measureDisk(directory, clock),
    cache: () => cache().contents(),
    // Measured once, for two findings.
    coordinatorLink: () => (link ??= measureCoordinator(patient.account!.settings.coordinator, clock)),
    storeLink: async () => measureStore(await host()),
    quotas: async () => (await (await host()).account.coordinator.call('listDesktops', {})).quotas,
  });
}
