import { systemClock, systemRandom, type Clock, type DesktopId } from '@godwit/base';
import { signOfflinePolicy } from '@godwit/crypto';
import { textOf, type OfflineMode, type RenewedLease } from '@godwit/wire';
import type { Front, TestClient } from './client.ts';
import { commitOf, createDesktop, uploadPack, type Draft } from './stage.ts';

/** The boot clock stands still but where a test moves it; the wall is the real one, because requests are signed by it. */
export class LeaseClock implements Clock {
  aheadMs = 0;
  wallAheadMs = 0;
  bootMs = () => 1_000_000 + this.aheadMs;
  wallMs = () => systemClock.wallMs() + this.wallAheadMs;
  workMs = () => systemClock.workMs();
}

/** A desktop that `client` holds in epoch 1, with one checkpoint. */
export interface Saved {
  readonly desktopId: DesktopId;
  /** Its head's digest. */
  readonly head: string;
  readonly parent: NonNullable<Draft['parent']>;
}

export async function saveDesktop(client: TestClient, coordinator: Pick<Front, 'url'>, offline: OfflineMode = 'keep'): Promise<Saved> {
  const desktopId = await createDesktop(client);
  const pack = await uploadPack(client, coordinator, desktopId, 1, 100);
  const body = commitOf(client, { desktopId, epoch: 1, sequence: 1, packs: [pack] });
  const { digest } = await client.ask('commitCheckpoint', { params: { desktopId }, body });
  if (offline === 'stop') await savePolicy(client, desktopId, 'stop');
  return { desktopId, head: digest, parent: { digest, commitId: body.commitId, epoch: 1, sequence: 1 } };
}

let signedMs = 1_750_000_000_000;

/** Stores a policy that was signed later than any before. */
export function savePolicy(client: TestClient, desktopId: DesktopId, mode: OfflineMode) {
  const policy = signOfflinePolicy({ desktopId, mode, signedMs: (signedMs += 1 + (systemRandom(1)[0] ?? 0)) }, client.device);
  return client.ask('saveOfflinePolicy', { params: { desktopId }, body: { policy: textOf(policy) } });
}

export const takeOver = (client: TestClient, { desktopId, head }: Saved, epoch: number) => client.ask('takeOverDesktop', { params: { desktopId }, body: { epoch, expectedHeadDigest: head } });

export async function renew(client: TestClient, desktopId: DesktopId, epoch: number): Promise<RenewedLease> {
  const { leases } = await client.ask('renewLeases', { body: { leases: [{ desktopId, epoch }] } });
  return leases[0]!;
}
