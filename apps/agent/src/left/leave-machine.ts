import { existsSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { Fault } from '@godwit/base';
import { CheckpointReader, PageDigests } from '@godwit/snapshot';
import { bytesOf, type DepartPhase } from '@godwit/wire';
import { acceptHead } from '../account/accept-head.ts';
import { PatientStore } from '../arrive/patient-store.ts';
import { Capture } from '../depart/capture.ts';
import { frozenLayers, NextCheckpoint, type Line } from '../depart/next-checkpoint.ts';
import { keysFor, keysOf, storeOf, type Host } from '../desktop/host.ts';
import { signerOf, type Base, type LocalDesktop } from '../desktop/local-desktop.ts';
import { PhaseReport } from '../desktop/phase-report.ts';
import { uploadSaved } from '../offline/upload.ts';
import { noteLeft } from './left-notes.ts';
import { leftOf, type NewDesktop } from './new-desktop.ts';

/**
 * A machine that stands still departs into the desktop that it becomes: its state is the next checkpoint after the fork's first. It is
 * committed and released when this resolves, and the machine is still here. On failure it stands still as before; what was captured of its disks
 * stays in their chains.
 */
export async function leaveMachine(host: Host, desktop: LocalDesktop, into: NewDesktop): Promise<void> {
  const line = await lineInto(host, desktop, into);
  const capture = new Capture(host, desktop, new PhaseReport<DepartPhase>(host.clock, () => undefined, 'check'));
  const store = new PatientStore(storeOf(host, into.desktopId, into.epoch));
  // A guest that was captured and goes nowhere would have to run for a moment before it can be captured again: better to wait for the store.
  store.begin((fault) => (desktop.note = fault === undefined ? undefined : `waits for the store: ${fault.message}`));
  const checkpoint = new NextCheckpoint(host, desktop, { ...line, store }, () => undefined);
  try {
    await capture.check();
    await capture.prepare();
    const { ramBytesScanned, pauseMs } = await capture.take(checkpoint.receiver);
    const { finished } = await checkpoint.finish(frozenLayers(desktop, desktop.record.disks, true), { bytesScanned: ramBytesScanned, pauseMs: Math.round(pauseMs) });
    await checkpoint.commit(finished);
  } catch (error) {
    const { code } = Fault.from(error);
    if (code !== 'COMMIT_UNKNOWN' && code !== 'COMMIT_UNPROVEN') {
      await checkpoint.abort();
      await capture.reconcile();
    }
    throw error;
  } finally {
    store.end();
  }
}

/** What was saved on this machine only goes into the store as the next checkpoint after the fork's first. Everything of it here is gone then. */
export async function leaveSaved(host: Host, desktop: LocalDesktop, into: NewDesktop): Promise<void> {
  await noteLeft(host.home, desktop.record.name, leftOf(desktop), 'stored');
  await uploadSaved(host, desktop, { line: await lineInto(host, desktop, into) });
}

/** Everything that can be refused is refused here: keys, head, base. */
async function lineInto(host: Host, desktop: LocalDesktop, { desktopId, name, epoch, head, wrappedKeys }: NewDesktop): Promise<Line> {
  const { account } = host;
  await account.refreshChain();
  const known = await account.withNewestKey(desktopId, wrappedKeys);
  if (head === null) {
    // All of it goes into the first checkpoint, and all of it is here.
    await desktop.update(({ disks }) => ({ base: null, disks: disks.map((disk) => ({ ...disk, committedLayers: 0 })) }));
    return { desktopId, name, epoch, keys: keysOf(host, desktopId, known), base: undefined };
  }
  const manifest = bytesOf(head.manifest);
  await acceptHead(account, { desktopId, name }, manifest);
  const keys = await keysFor(host, desktopId, known, manifest);
  const reader = await CheckpointReader.open({ store: storeOf(host, desktopId, epoch), keys, manifest, signerPublic: signerOf(host, manifest, head.checkpoint.digest) });
  return { desktopId, name, epoch, keys, base: { reader, digests: await digestsOf(desktop) } };
}

/** What the pages held in the checkpoint that the copy stands on, which is the fork's too. */
async function digestsOf({ base, home, record }: LocalDesktop): Promise<Base['digests']> {
  if (base !== undefined) return base.digests;
  const kept = existsSync(home.digestsFile) ? PageDigests.deserialise(await readFile(home.digestsFile)) : undefined;
  return record.base !== null && kept?.manifestDigest.equals(bytesOf(record.base.digest)) === true ? kept.digests : undefined;
}
