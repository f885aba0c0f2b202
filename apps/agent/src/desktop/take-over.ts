import { Fault } from '@godwit/base';
import { decodeManifestPublic, openManifest, type Manifest } from '@godwit/snapshot';
import { bytesOf, type ArriveFigures, type Checkpoint, type ControlArguments, type ControlResult, type Desktop, type Holding } from '@godwit/wire';
import { OutcomeUnknown } from '../account/coordinator.ts';
import type { Report } from '../daemon/control-server.ts';
import { decodeContract } from '../machine/contract.ts';
import { assertFit } from '../machine/fitness.ts';
import { diskRegions } from '../machine/state-region.ts';
import { awaitDeparture } from '../move/await-departure.ts';
import { throwIfCalledOff } from './called-off.ts';
import { findDesktop } from './find-desktop.ts';
import { keysFor, roomOf, type Host } from './host.ts';
import { signerOf } from './local-desktop.ts';

/** This host, as the place where the desktop goes on. */
export interface Here {
  /** Throws where it cannot be resumed for what is here. */
  readonly assertRoom: (remote: Desktop) => void;
  /** Resumes what this host has just got, or what is free. */
  readonly resume: (remote: Desktop) => Promise<{ readonly epoch: number; readonly arrive: ArriveFigures }>;
}

/** How long a take-over is asked for again while nobody knows whether it happened. */
const askMs = 30_000;
const pauseMs = 500;

/**
 * Its user takes a desktop from the host that holds it. Unless `confirmed`, only says what would be given up. A holder in reach is asked to
 * suspend first; then nothing is given up. Otherwise its epoch ends: nothing of that is accepted from then on, and what it has becomes a desktop
 * of its own (left/leave-behind.ts).
 *
 * Throws DESKTOP_FREE, DESKTOP_HERE, DESKTOP_LOST, DESKTOP_NEVER_SAVED, HOST_UNFIT and HEAD_ROLLED_BACK before anything is asked or taken;
 * HOLDER_IN_REACH, LEASE_NOT_OVER, EPOCH_FENCED (somebody else was faster), HEAD_MOVED (the holder has just committed) with nothing taken.
 * Where the resume fails after the take-over, the desktop is free at the same checkpoint.
 */
export async function takeOver(host: Host, { name, confirmed, withoutAsking }: ControlArguments<'takeover'>, report: Report, here: Here, signal?: AbortSignal): Promise<ControlResult<'takeover'>> {
  const { account, clock } = host;
  const remote = await findDesktop(account, name);
  const { head, holder } = takeable(host, remote);
  here.assertRoom(remote);
  const holding = await account.coordinator.call('readHolding', { params: { desktopId: remote.desktopId } });
  await assertRunsHere(host, remote, head);
  const told = (checkpoint: Checkpoint): Pick<ControlResult<'takeover'>, 'name' | 'holder' | 'inReach' | 'holderContactMs' | 'offline' | 'waitMs' | 'sequence' | 'acknowledgedMs' | 'ageMs'> => ({
    name, holder, inReach: holding.inReach, holderContactMs: holding.lastContactMs, offline: holding.offline, waitMs: holding.takeOverInMs,
    sequence: checkpoint.sequence, acknowledgedMs: checkpoint.acknowledgedMs, ageMs: Math.max(0, clock.wallMs() - checkpoint.acknowledgedMs),
  });
  if (!confirmed) return { ...told(head), done: false, how: null, epoch: remote.epoch, arrive: null };
  if (holding.inReach && !withoutAsking) {
    const suspended = await awaitDeparture({ coordinator: account.coordinator, events: host.events, clock }, remote, holder, report, signal);
    const resumed = await here.resume(suspended);
    return { ...told(suspended.head ?? head), ...resumed, done: true, how: 'suspended' };
  }
  // From here on it is taken: what is called off later is the resume, and the desktop is free then.
  throwIfCalledOff(signal);
  const epoch = await take(host, remote, head, holding);
  const resumed = await here.resume({ ...remote, epoch, owner: { hostId: account.device.hostId, name: account.settings.hostName } });
  return { ...told(head), ...resumed, done: true, how: 'taken' };
}

function takeable({ account }: Host, { desktopId, name, owner, head }: Desktop): { head: Checkpoint; holder: string } {
  account.heads.check({ desktopId, name }, head);
  if (owner === null) throw new Fault('DESKTOP_FREE', { subject: name, hint: `nobody holds it: \`godwit resume ${name}\`` });
  if (owner.hostId === account.device.hostId) throw new Fault('DESKTOP_HERE', { subject: name, found: 'this host as its holder', hint: `see \`godwit status ${name}\`; where its machine was lost, \`godwit resume ${name}\` goes on from its last checkpoint` });
  if (head === null) throw new Fault('DESKTOP_NEVER_SAVED', { subject: name, hint: `all there is of it is on ${owner.name}: suspend it there` });
  return { head, holder: owner.name };
}

/** A desktop that could not run here is not worth ending another host's right for, nor suspending it there. Throws HOST_UNFIT. */
export async function assertRunsHere(host: Host, remote: Desktop, head: Checkpoint): Promise<void> {
  const { contract, regions } = (await openHead(host, remote, head)).private;
  const diskNeededBytes = diskRegions(regions).reduce((sum, { lengthBytes }) => sum + lengthBytes, 0);
  assertFit(decodeContract(contract), host.capabilities, await roomOf(host, diskNeededBytes));
}

/** The manifest of a desktop's head, verified. */
export async function openHead(host: Host, { desktopId, wrappedKeys }: Desktop, { digest, sequence }: Checkpoint): Promise<Manifest> {
  const { account } = host;
  await account.refreshChain();
  const bytes = bytesOf((await account.coordinator.call('readManifest', { params: { desktopId, sequence: String(sequence) } })).manifest);
  const signerPublic = signerOf(host, bytes, digest);
  if (decodeManifestPublic(bytes).desktopId !== desktopId) throw new Fault('MANIFEST_INVALID', { expected: `desktop ${desktopId}` });
  return openManifest(bytes, await keysFor(host, desktopId, wrappedKeys, bytes), signerPublic);
}

/** The epoch that this host has from now on. Asking again means the same, so an answer that got lost is asked for again. */
async function take({ account, clock, log }: Host, { desktopId, epoch }: Desktop, head: Checkpoint, { holder }: Holding): Promise<number> {
  const startedMs = clock.bootMs();
  for (;;) {
    try {
      const taken = await account.coordinator.call('takeOverDesktop', { params: { desktopId }, body: { epoch, expectedHeadDigest: head.digest } });
      log.info('desktop-taken-over', { desktop: desktopId, from: holder, epoch: taken.epoch });
      return taken.epoch;
    } catch (error) {
      const fault = Fault.from(error);
      const unknown = error instanceof OutcomeUnknown || (fault.kind === 'unavailable' && fault.code !== 'COORDINATOR_UNREACHABLE');
      if (!unknown || clock.bootMs() - startedMs > askMs) throw fault;
    }
    await new Promise((resolve) => setTimeout(resolve, pauseMs));
  }
}
