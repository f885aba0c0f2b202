import assert from 'node:assert/strict';
import { execFileSync, spawn } from 'node:child_process';
import { once } from 'node:events';
import { chmodSync, existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { createServer, type Socket } from 'node:net';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { captureState, commandLine, createImage, homeAt, Machine, newContract, playCheckpoint, probeCapabilities, snapshotState, ThreadedCheckpoint, type HostCapabilities, type Layer, type MachineContract, type StateSink } from '@godwit/agent';
import { newId, silentLog, systemClock, systemRandom, type DesktopId } from '@godwit/base';
import { createDevice, cryptoReady, Secret } from '@godwit/crypto';
import { cont, migrate, MigrationDecoder, qmpErrorClass, QmpSession, queryMigrate, quit, setMigrationCapabilities, type RamBlock } from '@godwit/qemu';
import { CheckpointReader, desktopKeys, memoryStore, PageDigests } from '@godwit/snapshot';
import { smallImage } from './two-hosts.ts';

/** The machine contract on real QEMU: that it can be saved at all, and that what is saved is what the guest had. */

const named = (process.env['GODWIT_QEMUS'] ?? '').split(':').filter((path) => path !== '');
const programs = [...new Set(['/usr/bin/qemu-system-x86_64', '/usr/local/bin/qemu-system-x86_64', ...named])].filter((path) => existsSync(path));
const self = { kind: 'self' } as const;
const megabyte = 2 ** 20;
const memoryBytes = 256 * megabyte;
const pageBytes = 4096;
/** Below 1 MiB the VGA window and the firmware hide memory from whoever reads physical addresses. */
const hiddenPages = { first: 0xa0, end: 0x100 };
/** Software emulation everywhere: the one accelerator that every machine has, and the one whose dirty tracking needs care (capture-state.ts). */
const captures = 6;
const snapshots = 2;

describe('the machine contract', { timeout: 180_000 }, () => {
  let directory: string;
  before(async () => {
    await cryptoReady();
    directory = mkdtempSync('/tmp/godwit-c-');
    chmodSync(directory, 0o711);
  });
  after(() => rmSync(directory, { recursive: true, force: true }));

  async function probe(program: string): Promise<HostCapabilities> {
    return await probeCapabilities({ program, privilege: self, scratchDirectory: join(directory, 'probe'), log: silentLog });
  }

  async function contractOn(host: HostCapabilities, diskBytes: number): Promise<{ contract: MachineContract; disks: Layer[][]; run: string }> {
    const contract = newContract({ cpus: 1, memoryBytes, diskBytes, accelerator: 'tcg', firmware: host.firmware, qemuVersion: host.qemuVersion }, systemRandom);
    const run = mkdtempSync(join(directory, 'r'));
    const disks = await Promise.all(
      contract.disks.map(async ({ lengthBytes }, disk): Promise<Layer[]> => {
        const file = join(run, `disk${disk}.qcow2`);
        await createImage(file, lengthBytes);
        return [{ kind: 'file', file, format: 'qcow2' }];
      }),
    );
    return { contract, disks, run };
  }

  for (const program of programs) {
    test(`${program} (QEMU ${versionOf(program)}) saves the whole machine, and nothing in it forbids that`, async (t) => {
      const { contract, disks, run } = await contractOn(await probe(program), megabyte);
      const qemu = spawn(program, [...commandLine(contract, { disks, socketDirectory: run, incoming: false }), '-S'], { stdio: ['ignore', 'inherit', 'inherit'] });
      const exited = once(qemu, 'exit');
      try {
        const qmp = await QmpSession.connect(join(run, 'qmp'));
        const { blocks, devices } = await wholeStream(qmp, join(run, 'out'));
        t.diagnostic(`${blocks.length} memory blocks, ${devices.length} bytes of device state`);
        assert.equal(blocks.find(({ id }) => id === 'pc.ram')?.usedLengthBytes, memoryBytes);
        for (const device of ['virtio-gpu', 'virtio-blk', 'virtio-net', 'virtio-rng', 'virtio-balloon', 'virtio-console', 'intel-hda', 'xhci', 'i6300esb', 'vmgenid']) {
          assert.ok(devices.includes(device), `no ${device} in the device state`);
        }
        await quit(qmp, { timeoutMs: 5_000 });
        await exited;
      } finally {
        qemu.kill('SIGKILL');
      }
    });
  }

  test(`what is captured of a guest at work is what its memory holds, ${captures} times in a row, and by background snapshot what it held when that began`, async (t) => {
    const host = await probe(programs[0]!);
    const { contract, disks } = await contractOn(host, 128 * megabyte);
    const home = homeAt(directory).desktop(newId<DesktopId>(systemRandom));
    mkdirSync(home.machineDirectory, { recursive: true });
    const overImage = disks.map((layers, disk): Layer[] => (disk === 0 ? [{ kind: 'file', file: smallImage, format: 'raw' }, ...layers] : layers));
    const machine = await Machine.launch({ program: host.program, privilege: self, clock: systemClock, log: silentLog }, { home, contract, disks: overImage, incoming: false });
    try {
      for (let waitedMs = 0; !machine.serial.lines(5).some((line) => line.includes('phase=ready')); waitedMs += 100) {
        assert.ok(waitedMs < 45_000, machine.serial.lines(5).join('\n'));
        await sleep(100);
      }
      for (let round = 1; round <= captures; round++) {
        const sink = new MemorySink();
        const checkpoint = new WholeCheckpoint();
        await captureState({ machine, privilege: self, accelerator: contract.accelerator, receiver: checkpoint.threads.receiver, freeze: () => Promise.resolve(), mayRun: () => true, clock: systemClock, onProgress: () => undefined });
        await checkpoint.readInto(sink);
        assert.deepEqual(differing(sink.memory, await memoryOf(machine, join(home.machineDirectory, 'memory'))), [], `capture ${round}`);
        await cont(machine.qmp);
        await sleep(200);
      }
      if (!(await mayProtectMemory(machine))) {
        t.diagnostic('QEMU may not protect memory here: no background snapshot was taken');
        return;
      }
      for (let round = 1; round <= snapshots; round++) await assertSnapshotHolds(machine, join(home.machineDirectory, 'memory'), round);
    } finally {
      await machine.end();
    }
  });
});

function versionOf(program: string): string {
  return /version (\S+)/.exec(execFileSync(program, ['--version'], { encoding: 'utf8' }))?.[1] ?? 'unknown';
}

/** A background snapshot has what the memory held at its pause, read between QEMU's `stop` and its `migrate`, though the guest writes on. */
async function assertSnapshotHolds(machine: Machine, file: string, round: number): Promise<void> {
  const checkpoint = new WholeCheckpoint();
  const freeze = (): Promise<void> => machine.qmp.execute('pmemsave', { val: 0, size: memoryBytes, filename: file }).then(() => undefined);
  await snapshotState({ machine, privilege: self, receiver: checkpoint.threads.receiver, freeze, keepStanding: () => undefined, mayRun: () => true, clock: systemClock, onProgress: () => undefined, signal: undefined });
  assert.equal(await machine.runState(), 'running');
  const sink = new MemorySink();
  await checkpoint.readInto(sink);
  assert.deepEqual(differing(sink.memory, readFileSync(file)), [], `background snapshot ${round}`);
  assert.notDeepEqual(differing(sink.memory, await memoryOf(machine, file)), [], 'the guest wrote meanwhile');
}

/** A checkpoint of nothing but what QEMU sends, in a store in memory, through the same threads as any other. */
class WholeCheckpoint {
  readonly threads: ThreadedCheckpoint;
  readonly #store = memoryStore();
  readonly #signer = createDevice(systemRandom);
  readonly #keys = desktopKeys(newId<DesktopId>(systemRandom), new Map([[1, new Secret(systemRandom(32))]]));

  constructor() {
    const [store, keys, signer] = [this.#store, this.#keys, this.#signer];
    const options = { store, keys, signer, epoch: 1, keyGeneration: 1, chain: { length: 1, headHash: Buffer.alloc(32) }, regions: [], random: systemRandom, clock: systemClock };
    this.threads = new ThreadedCheckpoint(options, new PageDigests([], systemRandom), []);
  }

  async readInto(sink: StateSink): Promise<void> {
    const { manifest } = await this.threads.finish({ contract: Buffer.from('{}'), sequence: 1, stats: { bytesScanned: 0, pauseMs: 0 } });
    const reader = await CheckpointReader.open({ store: this.#store, keys: this.#keys, manifest, signerPublic: this.#signer.signPublic });
    await playCheckpoint(reader, sink, () => undefined);
  }
}

/** Guest memory as it is told. */
class MemorySink implements StateSink {
  readonly memory = Buffer.alloc(memoryBytes);
  #ram = -1;

  onBlocks(blocks: readonly RamBlock[]): void {
    this.#ram = blocks.findIndex(({ id }) => id === 'pc.ram');
  }

  onPages({ blockIndex, pages, bytes }: Parameters<StateSink['onPages']>[0]): Promise<void> {
    if (blockIndex === this.#ram) pages.forEach((page, index) => bytes.copy(this.memory, page * pageBytes, index * pageBytes, (index + 1) * pageBytes));
    return Promise.resolve();
  }

  onZeroPages({ blockIndex, pages }: Parameters<StateSink['onZeroPages']>[0]): Promise<void> {
    if (blockIndex === this.#ram) for (const page of pages) this.memory.fill(0, page * pageBytes, (page + 1) * pageBytes);
    return Promise.resolve();
  }

  onDevice(): Promise<void> {
    return Promise.resolve();
  }
}

async function memoryOf(machine: Machine, file: string): Promise<Buffer> {
  await machine.qmp.execute('pmemsave', { val: 0, size: memoryBytes, filename: file });
  const memory = readFileSync(file);
  rmSync(file);
  return memory;
}

/** An ordinary user may not (`godwit doctor` says so). */
async function mayProtectMemory({ qmp }: Machine): Promise<boolean> {
  try {
    await setMigrationCapabilities(qmp, ['background-snapshot'], ['pause-before-switchover']);
    return true;
  } catch (error) {
    if (qmpErrorClass(error) === undefined) throw error;
    return false;
  }
}

function differing(captured: Buffer, memory: Buffer): number[] {
  const pages: number[] = [];
  for (let page = 0; page < memoryBytes / pageBytes; page++) {
    if (page >= hiddenPages.first && page < hiddenPages.end) continue;
    const [start, end] = [page * pageBytes, (page + 1) * pageBytes];
    if (captured.compare(memory, start, end, start, end) !== 0) pages.push(page);
  }
  return pages;
}

/** The machine's own migration stream, decoded to its end; a blocker or a device that cannot be saved makes QEMU fail it. */
async function wholeStream(qmp: QmpSession, path: string): Promise<{ blocks: readonly RamBlock[]; devices: Buffer }> {
  let blocks: readonly RamBlock[] = [];
  let devices: Buffer | undefined;
  const decoder = new MigrationDecoder({
    onConfiguration: () => undefined,
    onBlocks: (found) => (blocks = found),
    onPages: () => undefined,
    onZeroPages: () => undefined,
    onDevice: (blob) => (devices = blob),
    onEnd: () => undefined,
  });
  const server = createServer().listen(path);
  const connected = once(server, 'connection') as Promise<[Socket]>;
  await once(server, 'listening');
  try {
    await setMigrationCapabilities(qmp, ['events']);
    const settled = qmp.waitFor('MIGRATION', ({ data }) => data['status'] === 'completed' || data['status'] === 'failed', { timeoutMs: 30_000 });
    await migrate(qmp, path);
    const [socket] = await connected;
    for await (const chunk of socket as AsyncIterable<Buffer>) decoder.push(chunk);
    await settled;
    assert.deepEqual(await queryMigrate(qmp).then(({ status, errorText }) => [status, errorText]), ['completed', undefined]);
    decoder.end();
  } finally {
    server.close();
  }
  assert.ok(devices !== undefined);
  return { blocks, devices };
}
