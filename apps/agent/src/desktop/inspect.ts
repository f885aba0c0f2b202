import { Fault, type HostId } from '@godwit/base';
import { parseObjectKey, verifyDesktop, type VerifyReport } from '@godwit/snapshot';
import { bytesOf, type ControlArguments, type ControlResult } from '@godwit/wire';
import { acceptHead } from '../account/accept-head.ts';
import type { Account } from '../account/account.ts';
import { findDesktop } from './find-desktop.ts';
import { keysWithOrigins, storeItself, type Host } from './host.ts';

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

/**
 * Walks the whole desktop in the store, checkpoint by checkpoint from the newest; where prune left a gap, from the next one that
 * is kept. Throws DESKTOP_NEVER_SAVED where there is nothing to walk.
 */
export async function verify(host: Host, { name, data }: ControlArguments<'verify'>): Promise<ControlResult<'verify'>> {
  const { account } = host;
  const { desktopId, head, epoch, wrappedKeys } = await findDesktop(account, name);
  account.heads.check({ desktopId, name }, head);
  if (head === null) throw new Fault('DESKTOP_NEVER_SAVED', { subject: name });
  const chain = await account.refreshChain();
  const signerPublicOf = ({ hostId }: { readonly hostId: HostId }): Buffer => {
    const writer = chain.devices.get(hostId);
    if (writer === undefined) throw new Fault('DEVICE_UNKNOWN', { subject: hostId });
    return writer.device.signPublic;
  };
  const newest = await account.coordinator.call('readManifest', { params: { desktopId, sequence: String(head.sequence) } });
  await acceptHead(account, { desktopId, name }, bytesOf(newest.manifest));
  const kept = new Set((await history(account, name)).checkpoints.map(({ sequence }) => sequence));
  const shared = { store: storeItself(host, desktopId, epoch), keys: await keysWithOrigins(host, desktopId, wrappedKeys), data, signerPublicOf };
  const total = { checkpoints: 0, packs: 0, leaves: 0, frames: 0, pages: 0, bytes: 0 };
  const missing = new Set<string>();
  const damaged = new Map<string, VerifyReport['damaged'][number]>();
  for (let from: number | undefined = head.sequence; from !== undefined; ) {
    const { manifest } = await account.coordinator.call('readManifest', { params: { desktopId, sequence: String(from) } });
    const report = await verifyDesktop({ ...shared, head: bytesOf(manifest) });
    for (const count of countNames) total[count] += report[count];
    for (const key of report.missing) missing.add(key);
    for (const entry of report.damaged) damaged.set(`${entry.subject}/${entry.code}`, entry);
    const end = report.endsBefore === undefined ? undefined : parseObjectKey(report.endsBefore);
    // One that the coordinator keeps was not pruned: the store does not have it.
    if (end?.kind === 'manifest' && end.desktopId === desktopId && kept.has(end.sequence)) missing.add(report.endsBefore!);
    const gapBelow = end?.kind === 'manifest' && end.desktopId === desktopId ? end.sequence : 0;
    from = [...kept].filter((sequence) => sequence < gapBelow).sort((a, b) => b - a)[0];
  }
  const { objects, looked, oldestMs, damaged: found } = await account.coordinator.call('readScrub', { params: { desktopId } });
  const scrub = { objects, looked, oldestMs, damaged: found.slice(0, listedMax).map(({ key, finding }) => ({ key, finding })) };
  const listed = { missing: [...missing].sort().slice(0, listedMax), damaged: [...damaged.values()].slice(0, listedMax).map((entry) => ({ ...entry })) };
  return { name, ...total, missingCount: missing.size, damagedCount: damaged.size, ...listed, scrub, good: missing.size === 0 && damaged.size === 0 };
}

const countNames = ['checkpoints', 'packs', 'leaves', 'frames', 'pages', 'bytes'] as const;
