import { existsSync } from 'node:fs';
import { readdir, readFile, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { Fault } from '@godwit/base';
import { blockdevDelete, queryNamedBlockNodes, stop, type QmpSession } from '@godwit/qemu';
import { z } from 'zod';
import { sha256 } from '@godwit/crypto';
import { CheckpointReader, decodeManifestPublic, PageDigests } from '@godwit/snapshot';
import type { ArriveFigures, DepartFigures, DesktopStatus } from '@godwit/wire';
import { bytesOf } from '@godwit/wire';
import { syncPath, writeDurably } from '../durable-file.ts';
import type { DesktopHome } from '../home.ts';
import { runOn } from '../depart/capture-state.ts';
import { endsRight } from '../lease/ends-right.ts';
import { mayRun, type HoldingState } from '../lease/holding.ts';
import { nodeName, type Layer } from '../machine/command-line.ts';
import { createImage } from '../machine/image-tool.ts';
import type { Machine } from '../machine/machine.ts';
import { handOver, type Privilege } from '../machine/privilege.ts';
import { outwaitFullDisk } from '../machine/room-watch.ts';
import type { QemuProcess } from '../machine/qemu-process.ts';
import type { KeptWorkingSet } from '../working-set/kept.ts';
import { keysFor, storeOf, type Host } from './host.ts';
import { endedNote } from './machine-note.ts';
import { endMerges } from './shorten-chain.ts';
import { holdsRecord, removeFolder, saveRecord, type DesktopRecord } from './record.ts';

/** What `createOverlays` makes. */
const overlayFile = /^disk\d-(\d+)\.qcow2$/;
const layerNumber = (file: string): number => Number(overlayFile.exec(file)?.[1]);

/** Between attempts to write a record that the disk did not take. */
const mendEveryMs = 2_000;

/** A checkpoint this desktop stands on here: to read from, and to tell what has changed since. */
export interface Base {
  readonly reader: CheckpointReader;
  readonly digests: PageDigests | undefined;
}

/** One desktop that this host holds: its record on disk, and while it runs its machine. Operations on it come one at a time. */
export class LocalDesktop {
  readonly home: DesktopHome;
  record: DesktopRecord;
  machine: Machine | undefined;
  /** Its QEMU, found after a restart, while it does not answer: it may run the guest, so nothing else may. */
  silent: QemuProcess | undefined;
  base: Base | undefined;
  /** What its guest asks for first when it comes to a host. */
  workingSet: KeptWorkingSet | undefined;
  #updating: Promise<unknown> = Promise.resolve();
  #ending: Promise<unknown> = Promise.resolve();
  #forgotten = false;
  /** A change of the record failed after it may have reached the disk: what the next agent would read is not known, so nothing may run on. */
  #unsure = false;
  #mending = false;
  /** The operation under way; also what `status` shows while it lasts. */
  operation: 'departing' | 'arriving' | 'filling' | 'starting' | 'stopping' | 'leaving' | 'uploading' | undefined;
  /** The state of its machine was captured: until that is given up the guest stands still. */
  captured = false;
  /** What this host knows of its right to run it (lease/holding.ts). */
  holding: HoldingState = 'confirmed';
  /** When the coordinator last said that its epoch is current, for display; undefined: not since this agent began. */
  confirmedWallMs: number | undefined;
  /** Strict: its guard died and could not be started again. */
  guardLost = false;
  arrival: ArriveFigures | undefined;
  departure: DepartFigures | undefined;
  /** Something its person should know: why it waits, what went wrong. */
  note: string | undefined;

  constructor(home: DesktopHome, record: DesktopRecord) {
    this.home = home;
    this.record = record;
  }

  /** Of what was taken over elsewhere: what it becomes. */
  get name(): string {
    return this.record.left?.name ?? this.record.name;
  }

  get state(): DesktopStatus['state'] {
    if (this.operation === 'departing' || this.operation === 'arriving' || this.operation === 'filling') return this.operation;
    if (this.operation === 'uploading') return 'saved';
    if (this.commitPending) return 'unknown';
    if (this.record.stage === 'saved' || this.record.stage === 'left') return this.record.stage;
    if (this.machine !== undefined || this.silent !== undefined) return 'running';
    return this.record.stage === 'arriving' ? 'lost' : 'stopped';
  }

  /** A commit was sent and nobody knows what became of it. */
  get commitPending(): boolean {
    return this.record.stage === 'committing';
  }

  /** Whether its guest may run here now, as far as ownership and commits go. */
  get mayRun(): boolean {
    return !this.captured && !this.#unsure && mayRun(this.holding) && this.record.stage !== 'committing' && this.record.stage !== 'left';
  }

  /** The guest stands still, now; whatever is under way with it. Does nothing without a machine. */
  async hold(): Promise<void> {
    if (this.machine?.qmp.state === 'ready') await stop(this.machine.qmp);
  }

  /** The guest runs, if it may. No capture is under way then. */
  async goOn(): Promise<void> {
    if (this.#unsure) this.#mend();
    else if (this.machine !== undefined) await runOn(this.machine, () => this.mayRun);
  }

  /** That it can be switched on: all of it is here, and nothing of it anywhere else is newer. Throws the fault that says what stands in the way. */
  assertStartable(): void {
    const { name, state, machine, commitPending } = this;
    const { stage, announced } = this.record;
    if (!announced) throw new Fault('DESKTOP_BUSY', { subject: name, found: 'a desktop that the coordinator may not know yet' });
    if (state === 'running' || machine !== undefined) throw new Fault('DESKTOP_RUNNING', { subject: name });
    if (commitPending) throw new Fault('COMMIT_UNKNOWN', { subject: name });
    if (stage === 'saved') throw new Fault('DESKTOP_SAVED', { subject: name, hint: `go on with \`godwit resume ${name}\`` });
    if (stage !== 'settled') throw new Fault('DESKTOP_BUSY', { subject: name, found: stage });
  }

  /** Runs `work` as the only operation. Throws DESKTOP_BUSY while there is another. */
  async exclusively<Result>(operation: NonNullable<LocalDesktop['operation']>, work: () => Promise<Result>): Promise<Result> {
    if (this.operation !== undefined) throw new Fault('DESKTOP_BUSY', { subject: this.name, found: this.operation });
    this.operation = operation;
    try {
      return await work();
    } finally {
      this.operation = undefined;
    }
  }

  /**
   * Durable when it resolves. One change after the other: two at once would each undo what the other says; one that follows from what the record
   * says is a function of it. Nothing is written of one that was forgotten.
   */
  update(change: Partial<DesktopRecord> | ((record: DesktopRecord) => Partial<DesktopRecord>)): Promise<void> {
    return this.#inTurn(async () => {
      if (this.#forgotten) return;
      const next = { ...this.record, ...(typeof change === 'function' ? change(this.record) : change) };
      try {
        await saveRecord(this.home, next);
      } catch (error) {
        this.#unsure ||= !(await holdsRecord(this.home, this.record));
        throw error;
      }
      this.record = next;
      this.#unsure = false;
    });
  }

  /** Writes what is known until the disk takes it; then the guest goes on. */
  #mend(): void {
    if (this.#mending) return;
    this.#mending = true;
    const mend = async (): Promise<void> => {
      while (this.#unsure && !this.#forgotten) {
        try {
          await this.update({});
        } catch (error) {
          this.note = `its guest stands still: its record cannot be written (${Fault.from(error).message})`;
          await new Promise((resolve) => setTimeout(resolve, mendEveryMs));
        }
      }
      this.note = undefined;
      await this.goOn();
    };
    mend()
      .catch((error: unknown) => (this.note = Fault.from(error).message))
      .finally(() => (this.#mending = false));
  }

  #inTurn(work: () => Promise<void>): Promise<void> {
    const turn = this.#updating.then(work);
    this.#updating = turn.catch(() => undefined); // Whoever asked for it is told; the next change has its own chance.
    return turn;
  }

  path(file: string): string {
    return join(this.home.machineDirectory, file);
  }

  /** The chains as QEMU opens them. */
  layers(): Layer[][] {
    return this.record.disks.map(({ layers }) => layers.map(({ file, format }) => ({ kind: 'file', file: this.path(file), format })));
  }

  /** Makes one new empty image per disk, for QEMU's user, and returns their file names. Not yet in any chain. */
  async createOverlays(privilege: Privilege): Promise<string[]> {
    const number = this.record.nextLayer;
    await this.update({ nextLayer: number + 1 });
    const files = await Promise.all(
      this.record.contract.disks.map(async ({ lengthBytes }, disk) => {
        const file = `disk${disk}-${number}.qcow2`;
        await createImage(this.path(file), lengthBytes);
        handOver(privilege, this.path(file), 0o600);
        await syncPath(this.path(file));
        return file;
      }),
    );
    // The record will name them: they have to be there then.
    await syncPath(this.home.machineDirectory);
    return files;
  }

  /** The machine has started or was found: keep it until it ends. */
  attach(machine: Machine): void {
    this.machine = machine;
    this.captured = false;
    this.note = undefined;
    outwaitFullDisk(machine, () => this.mayRun, (waits) => (this.note = waits ? 'its guest waits: the disk of this host is full' : undefined));
    void machine.ended.then(() => {
      if (this.machine !== machine) return;
      this.machine = undefined;
      if (this.operation !== 'stopping' && this.record.stage !== 'saved') this.note = endedNote(this);
    });
  }

  /** Ends its QEMU, whether it answers or not. */
  async endMachine(): Promise<void> {
    await this.machine?.end();
    await this.silent?.kill();
    this.silent = undefined;
  }

  /** The base checkpoint, opened again where an earlier agent had it open. Undefined for a desktop that was never saved. */
  async openBase(host: Host): Promise<Base | undefined> {
    const { base, desktopId, epoch } = this.record;
    if (base === null) return undefined;
    if (this.base !== undefined) return this.base;
    const { coordinator } = host.account;
    const desktop = await coordinator.call('readDesktop', { params: { desktopId } });
    const { manifest } = await coordinator.call('readManifest', { params: { desktopId, sequence: String(base.sequence) } });
    const bytes = bytesOf(manifest);
    const keys = await keysFor(host, desktopId, desktop.wrappedKeys, bytes);
    const signerPublic = signerOf(host, bytes, base.digest);
    const reader = await CheckpointReader.open({ store: storeOf(host, desktopId, epoch), keys, manifest: bytes, signerPublic });
    const kept = existsSync(this.home.digestsFile) ? PageDigests.deserialise(await readFile(this.home.digestsFile)) : undefined;
    this.base = { reader, digests: kept?.manifestDigest.equals(reader.manifest.digest) === true ? kept.digests : undefined };
    return this.base;
  }

  /** None of its layers is being merged when it resolves, and the record says what became of those that were (shorten-chain.ts). */
  endMerges(qmp: QmpSession): Promise<void> {
    const turn = this.#ending.then(() => endMerges(this, qmp));
    this.#ending = turn.catch(() => undefined); // Whoever asked for it is told.
    return turn;
  }

  /**
   * After a departure that ended half-way the record may name a layer that QEMU does not use yet, and layers may be there that nobody
   * names. QEMU knows which one the guest writes to; what lies above it was never used, and goes. Without a machine the record counts.
   */
  async reconcileLayers(machine: Machine | undefined): Promise<void> {
    if (machine !== undefined) {
      await this.endMerges(machine.qmp);
      await this.#dropUnused(machine.qmp);
    }
    const named = new Set(this.record.disks.flatMap(({ layers }) => layers.map(({ file }) => file)));
    for (const file of await readdir(this.home.machineDirectory)) {
      if (overlayFile.test(file) && !named.has(file)) await rm(this.path(file), { force: true });
    }
  }

  async #dropUnused(qmp: QmpSession): Promise<void> {
    const written = await queryWrittenNodes(qmp);
    const layers = this.layers();
    const disks = this.record.disks.map((disk, index) => {
      const level = layers[index]!.findIndex((layer) => written.has(nodeName(layer)));
      return level < 0 ? disk : { ...disk, layers: disk.layers.slice(0, level + 1) };
    });
    if (disks.some((disk, index) => disk.layers.length !== layers[index]!.length)) await this.update({ disks });
    const named = new Set(this.layers().flat().map(nodeName));
    const unused = (await queryNamedBlockNodes(qmp)).map((node) => String(node['node-name'])).filter((name) => overlayFile.test(name) && !named.has(name));
    // The newest first: QEMU does not let go of one that another stands on.
    for (const name of unused.sort((a, b) => layerNumber(b) - layerNumber(a))) await blockdevDelete(qmp, name);
  }

  /** The coordinator has refused the commit for good: the guest runs on here, unless another host owns the desktop now. One that was saved here stays so. */
  async refuseCommit(fault: Fault): Promise<void> {
    this.note = fault.message;
    await this.update({ stage: this.record.saved === null ? 'settled' : 'saved', commit: null });
    if (endsRight(fault)) return;
    this.captured = false;
    await this.goOn();
  }

  /** Digests are a saving, not a truth: lost ones cost an upload of everything. */
  async saveDigests(): Promise<void> {
    const { digests, reader } = this.base ?? {};
    if (digests !== undefined && reader !== undefined) await writeDurably(this.home.digestsFile, digests.serialise(reader.manifest.digest));
  }

  /** Removes everything of it from this host; the record goes last, for an agent that is killed in between. */
  forget(): Promise<void> {
    return this.#inTurn(async () => {
      this.#forgotten = true;
      await removeFolder(this.home);
    });
  }
}

/**
 * The writer's key for a manifest that the coordinator showed: it has to be the manifest with that digest, and its writer a device of
 * the account. Throws MANIFEST_INVALID, DEVICE_UNKNOWN.
 */
export function signerOf({ account }: Host, manifest: Buffer, digest: string): Buffer {
  const found = sha256(manifest).toString('base64url');
  if (found !== digest) throw new Fault('MANIFEST_INVALID', { expected: `digest ${digest}`, found });
  const { hostId } = decodeManifestPublic(manifest);
  const writer = account.chain.state.devices.get(hostId);
  if (writer === undefined) throw new Fault('DEVICE_UNKNOWN', { subject: hostId });
  return writer.device.signPublic;
}

/** The node each virtio-blk device has attached, which is the layer that the guest writes to. */
async function queryWrittenNodes(qmp: QmpSession): Promise<Set<string>> {
  const answer = writtenNodesSchema.parse(await qmp.execute('query-block'));
  return new Set(answer.flatMap(({ inserted }) => (inserted?.['node-name'] === undefined ? [] : [inserted['node-name']])));
}

const writtenNodesSchema = z.array(z.object({ inserted: z.object({ 'node-name': z.string().optional() }).optional() }));
