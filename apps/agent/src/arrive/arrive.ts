import { mkdirSync } from 'node:fs';
import { Fault } from '@godwit/base';
import { serveNbd, type NbdServer } from '@godwit/qemu';
import { CheckpointReader, openManifest, PageDigests, type DesktopKeys, type Manifest, packKeyOf } from '@godwit/snapshot';
import { bytesOf, type AnswerOf, type ArrivePhase, type ControlProgress, type Desktop, type Routes } from '@godwit/wire';
import { acceptHead } from '../account/accept-head.ts';
import { acceptPolicy } from '../account/accept-policy.ts';
import { throwIfCalledOff, unlessCalledOff } from '../desktop/called-off.ts';
import { CachedStore } from '../cache/cached-store.ts';
import { keysFor, roomOf, storeItself, type Host } from '../desktop/host.ts';
import { LocalDesktop, signerOf } from '../desktop/local-desktop.ts';
import { proveAcquired, proveHead } from '../audit/prove.ts';
import { PhaseReport } from '../desktop/phase-report.ts';
import { makeFolderDurably } from '../durable-file.ts';
import { keptHere, saveRecord, type DesktopRecord } from '../desktop/record.ts';
import type { Layer } from '../machine/command-line.ts';
import { decodeContract, type MachineContract } from '../machine/contract.ts';
import { assertFit } from '../machine/fitness.ts';
import { handOver } from '../machine/privilege.ts';
import { deviceRegionOf, diskRegions } from '../machine/state-region.ts';
import { Recorder } from '../working-set/recorder.ts';
import { DiskSource } from './disk-source.ts';
import { Filling } from './fill.ts';
import { LiveFrames } from './live-frames.ts';
import { eagernessOf, Loading, type Eagerness } from './loading.ts';
import { Line, measured } from './line.ts';
import { PatientStore } from './patient-store.ts';
import { WarmUp } from './warm-up.ts';

type Held = Pick<DesktopRecord, 'offline' | 'offlineSignedMs'>;
type Acquired = AnswerOf<Routes['acquireDesktop']>;

export interface Arrived {
  readonly desktop: LocalDesktop;
  readonly sequence: number;
  readonly epoch: number;
  /** Settles when nothing is missing any more; rejects when the machine was lost before. */
  readonly complete: Promise<void>;
}

export interface ArriveOptions {
  readonly eager: boolean;
  /** Calls it off. */
  readonly signal?: AbortSignal | undefined;
  /** Called when this host has the desktop, with its epoch. */
  readonly onEpoch?: (epoch: number) => void;
}

/** The file of disk `n` as it comes from the checkpoint; then the first layer of its chain. */
const baseFile = (disk: number): string => `disk${disk}-base.raw`;

/**
 * Resumes a desktop here: one straight line of phases with one roll-back, up to the moment it runs. Then `complete` goes on by
 * itself (fill.ts).
 *
 * On success it runs here under a new epoch. On failure nothing of it is left here and its lease is free again; so too where `signal` calls it off before it runs.
 */
export async function arrive(host: Host, remote: Desktop, options: ArriveOptions, report: (progress: ControlProgress) => void): Promise<Arrived> {
  const arrival = new Arrival(host, remote, options, report);
  try {
    return await arrival.run();
  } catch (error) {
    await arrival.rollBack(error);
    throw error;
  }
}

class Arrival {
  readonly #host: Host;
  readonly #remote: Desktop;
  readonly #phase: PhaseReport<ArrivePhase>;
  readonly #eagerness: Eagerness;
  readonly #signal: AbortSignal | undefined;
  readonly #onEpoch: ArriveOptions['onEpoch'];
  #epoch: number | undefined;
  /** On the boot clock, before the acquisition was sent: a strict lease runs from then. */
  #acquiredMs = 0;
  #desktop: LocalDesktop | undefined;
  #nbd: NbdServer | undefined;
  #disks: DiskSource[] = [];
  #loading: Loading | undefined;
  readonly #line = new Line();
  readonly #recorder = new Recorder();

  constructor(host: Host, remote: Desktop, options: ArriveOptions, report: (progress: ControlProgress) => void) {
    this.#host = host;
    this.#remote = remote;
    this.#phase = new PhaseReport(host.clock, report, 'check');
    this.#eagerness = eagernessOf(host, options.eager);
    this.#signal = options.signal;
    this.#onEpoch = options.onEpoch;
  }

  async run(): Promise<Arrived> {
    const { clock } = this.#host;
    this.#enter('acquire');
    const acquired = await this.#acquire();
    this.#enter('fit', this.#eagerness.reason);
    const { manifest, contract, keys, bytes, signerPublic, policy } = await this.#fit(acquired);
    this.#enter('prepare');
    const reached = new CachedStore(measured(storeItself(this.#host, this.#remote.desktopId, acquired.epoch, manifest.public.packs.map(packKeyOf)), this.#line, clock), this.#host.cache);
    const store = new PatientStore(reached);
    // Asks the store while this host's disk is asked for what comes first here.
    const opening = CheckpointReader.open({ store, keys, manifest: bytes, signerPublic });
    opening.catch(() => undefined); // Awaited below, when there is something to roll back.
    const desktop = await this.#prepare({ epoch: acquired.epoch, ...policy }, manifest, contract);
    const reader = await opening;
    const frames = new LiveFrames(reader);
    await this.#standIn(desktop, frames);
    this.#enter('launch');
    // While QEMU starts: the device state, and of the page table and the memory what is needed first.
    const warmUp = new WarmUp({ frames, disks: this.#disks, line: this.#line, recorder: this.#recorder, epoch: acquired.epoch, clock, log: this.#host.log });
    const reading = Promise.all([reader.readRegion(deviceRegionOf(reader.regions).id), warmUp.prepare(desktop, this.#eagerness.eager)]);
    reading.catch(() => undefined); // Awaited below: a machine that is still starting has to be there for the roll-back to end it.
    const { eager } = this.#eagerness;
    this.#loading = new Loading({ host: this.#host, desktop, frames, digests: desktop.base!.digests, eagerness: this.#eagerness, line: this.#line, recorder: eager ? undefined : this.#recorder, phase: this.#phase });
    const exported = this.#exported(desktop);
    const machine = await this.#loading.launch(exported);
    const [deviceBytes] = await unlessCalledOff(reading, this.#signal);
    this.#enter('load');
    // Eager means all of it first: a checkpoint whose disk is damaged must not begin to run either.
    if (eager) for (const disk of this.#disks) await unlessCalledOff(disk.fill(() => this.#line.fillPace(), () => Promise.resolve()), this.#signal);
    const { player, figures } = await unlessCalledOff(this.#loading.run(machine, deviceBytes, (listening) => warmUp.sendEarly(listening)), this.#signal);
    figures.workingSetPages = warmUp.workingSetPages;
    const filling = new Filling({ host: this.#host, desktop, machine, player, frames, line: this.#line, warmUp, store, readFrom: reached.readFrom, disks: this.#disks, nbd: this.#nbd!, exported, figures, eager, elapsedMs: () => clock.workMs() - this.#phase.startedMs, report: this.#phase });
    return { desktop, sequence: manifest.public.sequence, epoch: acquired.epoch, complete: filling.run() };
  }

  /** The next phase, unless it was called off. */
  #enter(phase: ArrivePhase, say: string | null = null): void {
    throwIfCalledOff(this.#signal);
    this.#phase.enter(phase, say);
  }

  async #acquire(): Promise<Acquired> {
    const { head, desktopId, name } = this.#remote;
    this.#host.account.heads.check({ desktopId, name }, head);
    if (head === null) throw new Fault('DESKTOP_NEVER_SAVED', { subject: name });
    this.#acquiredMs = this.#host.clock.bootMs();
    const acquired = await this.#host.account.coordinator.call('acquireDesktop', { params: { desktopId }, body: { expectedHeadDigest: head.digest } });
    this.#epoch = acquired.epoch;
    this.#onEpoch?.(acquired.epoch);
    return acquired;
  }

  /** The manifest is verified and the contract checked before anything is fetched from the store. */
  async #fit(acquired: Acquired): Promise<{ manifest: Manifest; contract: MachineContract; keys: DesktopKeys; bytes: Buffer; signerPublic: Buffer; policy: Held }> {
    const { desktopId, name } = this.#remote;
    if (acquired.head === null) throw new Fault('DESKTOP_NEVER_SAVED', { subject: name });
    const { account } = this.#host;
    await account.refreshChain();
    const { offline, offlineSignedMs } = await acceptPolicy(account, this.#remote, acquired);
    // The log says that this host got this epoch, and shows the past that the host before saw: else nothing of it runs here.
    await Promise.all([proveAcquired(account, desktopId, acquired.epoch), proveHead(account, bytesOf(acquired.head.manifest))]);
    const bytes = bytesOf(acquired.head.manifest);
    await acceptHead(this.#host.account, this.#remote, bytes);
    const keys = await keysFor(this.#host, desktopId, acquired.wrappedKeys, bytes);
    const signerPublic = signerOf(this.#host, bytes, acquired.head.checkpoint.digest);
    const manifest = openManifest(bytes, keys, signerPublic);
    const contract = decodeContract(manifest.private.contract);
    const diskNeededBytes = diskRegions(manifest.private.regions).reduce((sum, { lengthBytes }) => sum + lengthBytes, 0);
    assertFit(contract, this.#host.capabilities, await roomOf(this.#host, diskNeededBytes));
    return { manifest, contract, keys, bytes, signerPublic, policy: { offline, offlineSignedMs } };
  }

  /** Folders, record and empty overlays. */
  async #prepare(held: Held & { readonly epoch: number }, manifest: Manifest, contract: MachineContract): Promise<LocalDesktop> {
    const { home, privilege, leases } = this.#host;
    const { desktopId, name } = this.#remote;
    const digest = manifest.digest.toString('base64url');
    const desktopHome = home.desktop(desktopId);
    const record: DesktopRecord = {
      version: 1, desktopId: desktopId, name, contract, base: { sequence: manifest.public.sequence, digest }, nextLayer: 0, machine: null, stage: 'arriving', commit: null,
      ...keptHere,
      ...held,
      disks: contract.disks.map((_, disk) => ({ layers: [{ file: baseFile(disk), format: 'raw' as const }], committedLayers: 1 })),
    };
    await makeFolderDurably(desktopHome.directory, 0o711);
    mkdirSync(desktopHome.machineDirectory, { recursive: true });
    handOver(privilege, desktopHome.machineDirectory, 0o700);
    await saveRecord(desktopHome, record);
    const desktop = new LocalDesktop(desktopHome, record);
    this.#desktop = desktop;
    leases.watch(desktop);
    await leases.renewed(desktop, this.#acquiredMs);
    const overlays = await desktop.createOverlays(privilege);
    await desktop.update({ disks: record.disks.map((disk, index) => ({ ...disk, layers: [...disk.layers, { file: overlays[index]!, format: 'qcow2' as const }] })) });
    return desktop;
  }

  /** The checkpoint in the place of the disks and of the memory. */
  async #standIn(desktop: LocalDesktop, frames: LiveFrames): Promise<void> {
    const { privilege, random, log } = this.#host;
    const { regions } = frames.reader;
    for (const [disk, region] of diskRegions(regions).entries()) {
      this.#disks.push(await DiskSource.create(desktop.path(baseFile(disk)), region, frames, this.#recorder));
    }
    const exports = this.#disks.map((disk) => ({ name: disk.region.name, lengthBytes: disk.region.lengthBytes, readOnly: true, backend: disk }));
    const owner = privilege.kind === 'own-user' ? { ownerUid: privilege.uid, ownerGid: privilege.gid } : {};
    this.#nbd = await serveNbd({ socketPath: desktop.path('nbd'), exports, log, ...owner });
    desktop.base = { reader: frames.reader, digests: new PageDigests(regions.filter(({ kind }) => kind === 'ram'), random) };
  }

  /** The chains with the exports in the place of what they stand in for. */
  #exported(desktop: LocalDesktop): Layer[][] {
    return desktop.layers().map((layers, disk): Layer[] => [{ kind: 'nbd', socket: desktop.path('nbd'), exportName: this.#disks[disk]!.region.name }, ...layers.slice(1)]);
  }

  /** Nothing is left here, and the lease is free again unless it was never taken. */
  async rollBack(cause: unknown): Promise<void> {
    const { log, account, leases } = this.#host;
    log.warn('arrive-rolled-back', { desktop: this.#remote.desktopId, phase: this.#phase.phase, error: Fault.from(cause) });
    await this.#loading?.end();
    await this.#nbd?.close();
    await Promise.all(this.#disks.map((disk) => disk.close()));
    if (this.#desktop !== undefined) leases.unwatch(this.#desktop);
    await this.#desktop?.forget();
    if (this.#epoch === undefined) return;
    try {
      await account.coordinator.call('releaseDesktop', { params: { desktopId: this.#remote.desktopId }, body: { epoch: this.#epoch } });
    } catch (error) {
      // The lease stays with this host, where nothing runs: the next resume here gives it up and acquires it anew.
      log.warn('lease-not-released', { desktop: this.#remote.desktopId, error });
    }
  }
}
