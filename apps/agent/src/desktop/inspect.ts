import { Fault } from '@godwit/base';
import { verifyDesktop } from '@godwit/snapshot';
import { bytesOf, type ControlArguments, type ControlResult } from '@godwit/wire';
import type { Account } from '../account/account.ts';
import { findDesktop } from './find-desktop.ts';
import { keysWithOrigins, storeOf, type Host } from './host.ts';

/** Looking at desktops wherever they are: nothing here changes anything. */

/** An answer is one line on the control socket; a store that lost everything must not burst it. */
const listedMax = 1000;

/** The desktop's line of checkpoints, newest first. */
export async function history(account: Account, name: string): Promise<ControlResult<'history'>> {
  const { desktopId } = await findDesktop(account, name);
  const checkpoints: ControlResult<'history'>['checkpoints'] = [];
  for (let before: number | undefined; ; ) {
    const page = await account.coordinator.call('listCheckpoints', { params: { desktopId }, query: before === undefined ? {} : { before: String(before) } });
    checkpoints.push(...page.checkpoints.map(({ sequence, epoch, hostName, createdMs, bytes, digest }) => ({ sequence, epoch, host: hostName, createdMs, bytes, digest })));
    const oldest = page.checkpoints.at(-1)?.sequence ?? 1;
    if (oldest <= 1 || page.checkpoints.length === 0) return { name, checkpoints };
    before = oldest;
  }
}

/** Walks the whole desktop in the store. Throws DESKTOP_NEVER_SAVED where there is nothing to walk. */
export async function verify(host: Host, { name, data }: ControlArguments<'verify'>): Promise<ControlResult<'verify'>> {
  const { account } = host;
  const { desktopId, head, epoch, wrappedKeys } = await findDesktop(account, name);
  if (head === null) throw new Fault('DESKTOP_NEVER_SAVED', { subject: name });
  const chain = await account.refreshChain();
  const { manifest } = await account.coordinator.call('readManifest', { params: { desktopId, sequence: String(head.sequence) } });
  const report = await verifyDesktop({
    store: storeOf(host, desktopId, epoch),
    keys: await keysWithOrigins(host, desktopId, wrappedKeys),
    head: bytesOf(manifest),
    data,
    signerPublicOf: ({ hostId }) => {
      const writer = chain.devices.get(hostId);
      if (writer === undefined) throw new Fault('DEVICE_UNKNOWN', { subject: hostId });
      return writer.device.signPublic;
    },
  });
  const { ok: good, checkpoints, packs, leaves, frames, pages, bytes, missing, damaged } = report;
  const listed = { missing: missing.slice(0, listedMax), damaged: damaged.slice(0, listedMax).map((entry) => ({ ...entry })) };
  return { name, checkpoints, packs, leaves, frames, pages, bytes, missingCount: missing.length, damagedCount: damaged.length, ...listed, good };
}
