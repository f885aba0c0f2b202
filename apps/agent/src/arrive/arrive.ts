import { mkdirSync } from 'node:fs';
import { connect, type Socket } from 'node:net';
import { dirname } from 'node:path';
import { Fault } from '@godwit/base';
import { migrateIncoming, queryMigrate, serveNbd, setMigrationCapabilities, type NbdServer } from '@godwit/qemu';
import { CheckpointReader, openManifest, PageDigests, type DesktopKeys, type Manifest, packKeyOf } from '@godwit/snapshot';
import { bytesOf, type AnswerOf, type ArriveFigures, type ArrivePhase, type ControlProgress, type Desktop, type Routes } from '@godwit/wire';
import { acceptHead } from '../account/accept-head.ts';
import { keysFor, machineHost, roomOf, storeOf, type Host } from '../desktop/host.ts';
import { LocalDesktop, signerOf } from '../desktop/local-desktop.ts';
import { proveAcquired, proveHead } from '../audit/prove.ts';
import { PhaseReport } from '../desktop/phase-report.ts';
import { saveRecord, type DesktopRecord } from '../desktop/record.ts';
import type { Layer } from '../machine/command-line.ts';
import { decodeContract, type MachineContract } from '../machine/contract.ts';
import { assertFit } from '../machine/fitness.ts';
import { Machine } from '../machine/machine.ts';
import { handOver } from '../machine/privilege.ts';
import { lastLine } from '../machine/qemu-process.ts';
import { decodeDeviceState, deviceRegionOf, diskRegions, streamHeadOf } from '../machine/state-region.ts';
import { DiskSource } from './disk-source.ts';
import { Filling } from './fill.ts';
import { LiveFrames } from './live-frames.ts';
import { PatientStore } from './patient-store.ts';
import { RamPlayer, ramBytesOf } from './ram-player.ts';

type Acquired = AnswerOf<Routes['acquireDesktop']>;

export interface Arrived {
  readonly desktop: LocalDesktop;
  readonly sequence: number;
  readonly epoch: number;
  /** Settles when nothing is missing any more; rejects when the machine was lost before. */
  readonly complete: Promise<void>;
}

const resumeMs = 120_000;
/** The file of disk `n` as it comes from the checkpoint; then the first layer of its chain. */
const baseFile = (disk: number): string => `disk${disk}-base.raw`;

/**
 * Resumes a desktop here: one straight line of phases with one roll-back, up to the moment it runs. Then `complete` goes on by
 * itself (fill.ts).
 *
 * On success it runs here under a new epoch. On failure nothing of it is left here and its lease is free again.
 */
export async function arrive(host: Host, remote: Desktop, options: { eager: boolean }, report: (progress: ControlProgress) => void): Promise<Arrived> {
  const arrival = new Arrival(host, remote, options.eager, report);
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
  readonly #eagerReason: string | null;
  readonly #eager: boolean;
  #epoch: number | undefined;
  #desktop: LocalDesktop | undefined;
  #nbd: NbdServer | undefined;
  #disks: DiskSource[] = [];
  #machine: Machine | undefined;
  #socket: Socket | undefined;

  constructor(host: Host, remote: Desktop, eager: boolean, report: (progress: ControlProgress) => void) {
    this.#host = host;
    this.#remote = remote;
    this.#phase = new PhaseReport(host.clock, report, 'check');
    const { postcopyRefusal } = host.capabilities;
    this.#eager = eager || postcopyRefusal !== undefined;
    this.#eagerReason = postcopyRefusal === undefined ? null : `QEMU cannot fetch memory on demand here (${postcopyRefusal}); \`godwit doctor\` says how to mend it`;
  }

  async run(): Promise<Arrived> {
    const { clock } = this.#host;
    this.#phase.enter('acquire');
    const acquired = await this.#acquire();
    this.#phase.enter('fit', this.#eagerReason);
    const { manifest, contract, keys, bytes, signerPublic } = await this.#fit(acquired);
    this.#phase.enter('prepare');
    const store = new PatientStore(storeOf(this.#host, this.#remote.desktopId, acquired.epoch, manifest.public.packs.map(packKeyOf)));
    const reader = await CheckpointReader.open({ store, keys, manifest: bytes, signerPublic });
    const frames = new LiveFrames(reader);
    const desktop = await this.#prepare(acquired.epoch, manifest, contract, frames);
    this.#phase.enter('launch');
    // While QEMU starts: the device state, and the whole page table, so that a page fault is one request and not two.
    const reading = Promise.all([reader.readRegion(deviceRegionOf(reader.regions).id), reader.loadLeaves()]);
    reading.catch(() => undefined); // Awaited below: a machine that is still starting has to be there for the roll-back to end it.
    const machine = await this.#launch(desktop);
    const [deviceBytes] = await reading;
    this.#phase.enter('load');
    // Eager means all of it first: a checkpoint whose disk is damaged must not begin to run either.
    if (this.#eager) for (const disk of this.#disks) await disk.fill(() => Promise.resolve());
    const player = await this.#connect(desktop, machine, frames, deviceBytes);
    const resumed = machine.qmp.waitFor('RESUME', () => true, { timeoutMs: resumeMs });
    resumed.catch(() => undefined); // Whoever is told of the failure below is told by the race.
    const figures = this.#figures();
    machine.serial.onNextOutput((atMs) => (figures.firstOutputMs = atMs - this.#phase.startedMs));
    const progress = (): void => this.#phase.advance(player.doneBytes, ramBytesOf(reader.regions.filter(({ kind }) => kind === 'ram')));
    const playing = this.#eager ? player.playAll(progress) : player.switchOver();
    await Promise.race([playing, player.failed]);
    this.#phase.enter('run');
    const event = await Promise.race([resumed, this.#loadFailure(machine, player)]);
    figures.runningMs = event.receivedMs - this.#phase.startedMs;
    figures.resumedAtMs = event.receivedMs;
    figures.ramBytesBeforeRunning = frames.fetched.ramBytes;
    figures.bytesBeforeRunning = frames.fetched.ramBytes + frames.fetched.diskBytes;
    desktop.arrival = figures;
    desktop.attach(machine, () => {
      if (desktop.operation !== 'stopping') desktop.note = 'its machine ended by itself';
    });
    const filling = new Filling({ host: this.#host, desktop, machine, player, frames, store, disks: this.#disks, nbd: this.#nbd!, figures, eager: this.#eager, elapsedMs: () => clock.workMs() - this.#phase.startedMs, report: this.#phase });
    return { desktop, sequence: manifest.public.sequence, epoch: acquired.epoch, complete: filling.run() };
  }

  async #acquire(): Promise<Acquired> {
    const { head, desktopId, name } = this.#remote;
    this.#host.account.heads.check({ desktopId, name }, head);
    if (head === null) throw new Fault('DESKTOP_NEVER_SAVED', { subject: name });
    const acquired = await this.#host.account.coordinator.call('acquireDesktop', { params: { desktopId }, body: { expectedHeadDigest: head.digest } });
    this.#epoch = acquired.epoch;
    return acquired;
  }

  /** The manifest is verified and the contract checked before anything is fetched from the store. */
  async #fit(acquired: Acquired): Promise<{ manifest: Manifest; contract: MachineContract; keys: DesktopKeys; bytes: Buffer; signerPublic: Buffer }> {
    const { desktopId, name } = this.#remote;
    if (acquired.head === null) throw new Fault('DESKTOP_NEVER_SAVED', { subject: name });
    const { account } = this.#host;
    await account.refreshChain();
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
    return { manifest, contract, keys, bytes, signerPublic };
  }

  /** Folders, record, empty overlays, and the exports that stand in for the disks. */
  async #prepare(epoch: number, manifest: Manifest, contract: MachineContract, frames: LiveFrames): Promise<LocalDesktop> {
    const { home, privilege, random, log } = this.#host;
    const { desktopId, name } = this.#remote;
    const digest = manifest.digest.toString('base64url');
    const desktopHome = home.desktop(desktopId);
    const record: DesktopRecord = {
      version: 1, desktopId: desktopId, name, epoch, contract, base: { sequence: manifest.public.sequence, digest }, nextLayer: 0, machine: null, stage: 'arriving', commit: null,
      disks: contract.disks.map((_, disk) => ({ layers: [{ file: baseFile(disk), format: 'raw' as const }], committedLayers: 1 })),
    };
    mkdirSync(desktopHome.directory, { recursive: true, mode: 0o711 });
    mkdirSync(desktopHome.machineDirectory, { recursive: true });
    handOver(privilege, desktopHome.machineDirectory, 0o700);
    await saveRecord(desktopHome, record);
    const desktop = new LocalDesktop(desktopHome, record);
    this.#desktop = desktop;
    const overlays = await desktop.createOverlays(privilege);
    await desktop.update({ disks: record.disks.map((disk, index) => ({ ...disk, layers: [...disk.layers, { file: overlays[index]!, format: 'qcow2' as const }] })) });
    for (const [disk, region] of diskRegions(manifest.private.regions).entries()) {
      this.#disks.push(await DiskSource.create(desktop.path(baseFile(disk)), region, frames));
    }
    const exports = this.#disks.map((disk) => ({ name: disk.region.name, lengthBytes: disk.region.lengthBytes, readOnly: true, backend: disk }));
    const owner = privilege.kind === 'own-user' ? { ownerUid: privilege.uid, ownerGid: privilege.gid } : {};
    this.#nbd = await serveNbd({ socketPath: desktop.path('nbd'), exports, log, ...owner });
    desktop.base = { reader: frames.reader, digests: new PageDigests(frames.reader.regions.filter(({ kind }) => kind === 'ram'), random) };
    return desktop;
  }

  async #launch(desktop: LocalDesktop): Promise<Machine> {
    const disks = desktop.layers().map((layers, disk): Layer[] => [{ kind: 'nbd', socket: desktop.path('nbd'), exportName: this.#disks[disk]!.region.name }, ...layers.slice(1)]);
    const machine = await Machine.launch(machineHost(this.#host), { home: desktop.home, contract: desktop.record.contract, disks, incoming: true });
    this.#machine = machine;
    await desktop.update({ machine: machine.process.id });
    await setMigrationCapabilities(machine.qmp, this.#eager ? ['events'] : ['events', 'postcopy-ram']);
    await migrateIncoming(machine.qmp, desktop.path('migrate-in'));
    return machine;
  }

  async #connect(desktop: LocalDesktop, machine: Machine, frames: LiveFrames, deviceBytes: Buffer): Promise<RamPlayer> {
    const socket = connect(`${dirname(desktop.path('migrate-in'))}/migrate-in`);
    this.#socket = socket;
    await new Promise<void>((resolve, reject) => socket.once('connect', resolve).once('error', reject));
    const device = decodeDeviceState(deviceBytes);
    const { head, ram } = streamHeadOf(frames.reader.regions, device.configuration);
    void machine.ended.then(() => socket.destroy());
    return new RamPlayer({ socket, frames, head, ram, device, digests: desktop.base!.digests!, clock: this.#host.clock });
  }

  /** Rejects with the reason when QEMU does not take the state, or does not get it; never resolves. */
  async #loadFailure(machine: Machine, player: RamPlayer): Promise<never> {
    const failed = machine.qmp.waitFor('MIGRATION', ({ data }) => data['status'] === 'failed');
    try {
      await Promise.race([failed, machine.ended, player.failed]);
    } catch (error) {
      const fault = Fault.from(error);
      // A connection that broke says less than QEMU does; a page that was not to be had is the reason itself.
      if (fault.code !== 'LOAD_FAILED' && fault.code !== 'QMP_DISCONNECTED') throw fault;
    }
    if (machine.qmp.state !== 'ready') throw new Fault('LOAD_FAILED', { found: `QEMU ended: ${lastLine(this.#host.home.desktop(this.#remote.desktopId).qemuLog)}` });
    throw new Fault('LOAD_FAILED', { found: (await queryMigrate(machine.qmp)).errorText ?? 'a failed migration' });
  }

  #figures(): ArriveFigures {
    return {
      runningMs: null, bytesBeforeRunning: 0, ramBytesBeforeRunning: 0, firstOutputMs: null, completeMs: null, bytesFetched: 0, pagesOnDemand: 0,
      eager: this.#eager, eagerReason: this.#eagerReason, resumedAtMs: null, agentResidentBytes: process.memoryUsage.rss(),
    };
  }

  /** Nothing is left here, and the lease is free again unless it was never taken. */
  async rollBack(cause: unknown): Promise<void> {
    const { log, account } = this.#host;
    log.warn('arrive-rolled-back', { desktop: this.#remote.desktopId, phase: this.#phase.phase, error: Fault.from(cause) });
    this.#socket?.destroy();
    await this.#machine?.end();
    await this.#nbd?.close();
    await Promise.all(this.#disks.map((disk) => disk.close()));
    await this.#desktop?.forget();
    if (this.#epoch === undefined) return;
    try {
      await account.coordinator.call('releaseDesktop', { params: { desktopId: this.#remote.desktopId }, body: { epoch: this.#epoch } });
    } catch (error) {
      // The lease stays with this host, where nothing runs: the next resume here takes it up again.
      log.warn('lease-not-released', { desktop: this.#remote.desktopId, error });
    }
  }
}
