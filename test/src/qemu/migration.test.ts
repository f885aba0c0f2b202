import assert from 'node:assert/strict';
import type { Socket } from 'node:net';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import {
  cont, eagerClosing, eagerOpening, migrate, migrateContinue, migrateIncoming, MigrationDecoder, pageBytes, pingDevicesLoaded, postcopyClosing,
  postcopyOpening, postcopySwitch, queryMigrate, queryStatus, ramPages, ramZeroPages, ReturnPathDecoder, SentPages, setMigrationCapabilities, setMigrationParameters,
  type MigrationCapability, type MigrationConfiguration, type PageBatch, type PageRequest, type RamBlock, type ZeroBatch,
} from '@godwit/qemu';
import { acceptOne, connectTo, startBareMachine, writeAll, type BareMachine } from './bare-machine.ts';

/** A machine's whole state, captured from a stream. */
interface Captured {
  configuration: MigrationConfiguration;
  blocks: readonly RamBlock[];
  memory: Buffer[];
  seen: SentPages;
  deviceBlob: Buffer;
  ramEnds: number;
}

async function capture(machine: BareMachine, capabilities: readonly MigrationCapability[], onSwitchover: () => Promise<void>): Promise<Captured> {
  const captured: Partial<Captured> = { ramEnds: 0 };
  let ended = false;
  const decoder = new MigrationDecoder({
    onConfiguration: (configuration) => (captured.configuration = configuration),
    onBlocks: (blocks) => {
      captured.blocks = blocks;
      captured.memory = blocks.map(({ usedLengthBytes }) => Buffer.alloc(usedLengthBytes, 0xee));
      captured.seen = new SentPages(blocks);
    },
    onPages: ({ blockIndex, count, pages, bytes }) => {
      for (let index = 0; index < count; index += 1) {
        bytes.copy(captured.memory![blockIndex]!, pages[index]! * pageBytes, index * pageBytes, (index + 1) * pageBytes);
        captured.seen!.take(blockIndex, pages[index]!);
      }
    },
    onZeroPages: ({ blockIndex, pages }) => {
      for (const page of pages) {
        captured.memory![blockIndex]!.fill(0, page * pageBytes, (page + 1) * pageBytes);
        captured.seen!.take(blockIndex, page);
      }
    },
    onRamEnd: () => (captured.ramEnds! += 1),
    onDevice: (blob) => (captured.deviceBlob = blob),
    onEnd: () => (ended = true),
  });
  const path = join(machine.directory, `capture-${performance.now()}`);
  const { connection } = await acceptOne(path);
  await setMigrationCapabilities(machine.qmp, ['events', ...capabilities]);
  await setMigrationParameters(machine.qmp, { maxBandwidthBytes: 0 });
  const switchover = capabilities.includes('pause-before-switchover')
    ? machine.qmp.waitFor('MIGRATION', ({ data }) => data.status === 'pre-switchover', { timeoutMs: 20_000 }).then(onSwitchover)
    : onSwitchover();
  const completed = machine.qmp.waitFor('MIGRATION', ({ data }) => data.status === 'completed', { timeoutMs: 20_000 });
  await Promise.all([migrate(machine.qmp, path), connection.then((socket) => receive(socket, decoder)), switchover, completed]);
  assert.equal(ended, true);
  return captured as Captured;
}

async function receive(socket: Socket, decoder: MigrationDecoder): Promise<void> {
  for await (const chunk of socket) decoder.push(chunk as Buffer);
  decoder.end();
}

/** Pages of one block as the batches that send them. */
function batchesOf({ memory }: Captured, blockIndex: number, pages: readonly number[]): { data: PageBatch; zero: ZeroBatch } {
  const isZero = (page: number): boolean => memory[blockIndex]!.subarray(page * pageBytes, (page + 1) * pageBytes).equals(zeroPage);
  const filled = pages.filter((page) => !isZero(page));
  const zeros = pages.filter(isZero);
  const bytes = Buffer.concat(filled.map((page) => memory[blockIndex]!.subarray(page * pageBytes, (page + 1) * pageBytes)));
  return {
    data: { blockIndex, count: filled.length, pages: Uint32Array.from(filled), bytes },
    zero: { blockIndex, count: zeros.length, pages: Uint32Array.from(zeros) },
  };
}
const zeroPage = Buffer.alloc(pageBytes);

async function sendPages(socket: Socket, captured: Captured, blockIndex: number, pages: readonly number[]): Promise<void> {
  const { data, zero } = batchesOf(captured, blockIndex, pages);
  const { id } = captured.blocks[blockIndex]!;
  await writeAll(socket, [...ramPages(id, data), ...ramZeroPages(id, zero)]);
}

/** Sends everything that was not sent yet. */
async function fill(socket: Socket, captured: Captured, sent: SentPages): Promise<void> {
  for (let run = sent.takeRun(64); run !== undefined; run = sent.takeRun(64)) {
    await sendPages(socket, captured, run.blockIndex, Array.from({ length: run.count }, (_, index) => run.firstPage + index));
  }
}

async function resumeEagerly(machine: BareMachine, captured: Captured): Promise<void> {
  const path = join(machine.directory, 'incoming');
  await setMigrationCapabilities(machine.qmp, ['events']);
  await migrateIncoming(machine.qmp, path);
  const completed = machine.qmp.waitFor('MIGRATION', ({ data }) => data.status === 'completed', { timeoutMs: 20_000 });
  const socket = await connectTo(path);
  await writeAll(socket, eagerOpening({ configuration: captured.configuration.bytes, blocks: captured.blocks }));
  await fill(socket, captured, new SentPages(captured.blocks));
  await writeAll(socket, eagerClosing(captured.deviceBlob));
  await completed;
  socket.end();
}

/** A post-copy resume as its source sees it. */
class LazyResume {
  readonly requests: PageRequest[] = [];
  readonly devicesLoaded = Promise.withResolvers<void>();
  readonly shut = Promise.withResolvers<number>();
  readonly sent: SentPages;
  readonly #machine: BareMachine;
  readonly #captured: Captured;
  #socket!: Socket;

  constructor(machine: BareMachine, captured: Captured) {
    this.#machine = machine;
    this.#captured = captured;
    this.sent = new SentPages(captured.blocks);
  }

  async begin(hotPages: readonly number[] = []): Promise<void> {
    const path = join(this.#machine.directory, 'incoming');
    await setMigrationCapabilities(this.#machine.qmp, ['events', 'postcopy-ram']);
    await migrateIncoming(this.#machine.qmp, path);
    this.#socket = await connectTo(path);
    const returnPath = new ReturnPathDecoder({
      onPong: (value) => value === pingDevicesLoaded && this.devicesLoaded.resolve(),
      onShut: (status) => this.shut.resolve(status),
      onRequest: (request) => this.#answer(request),
    });
    this.#socket.on('data', (chunk: Buffer) => returnPath.push(chunk));
    await writeAll(this.#socket, postcopyOpening({ configuration: this.#captured.configuration.bytes, blocks: this.#captured.blocks }));
    const ram = this.sent.blockIndex('pc.ram');
    await sendPages(this.#socket, this.#captured, ram, hotPages.filter((page) => this.sent.take(ram, page)));
    await writeAll(this.#socket, postcopySwitch(this.#captured.deviceBlob));
  }

  async complete(): Promise<number> {
    await fill(this.#socket, this.#captured, this.sent);
    assert.equal(this.sent.complete, true);
    await writeAll(this.#socket, postcopyClosing());
    return this.shut.promise;
  }

  #answer(request: PageRequest): void {
    this.requests.push(request);
    const blockIndex = this.sent.blockIndex(request.block);
    for (let page = request.startBytes / pageBytes; page < (request.startBytes + request.lengthBytes) / pageBytes; page += 1) {
      if (this.sent.take(blockIndex, page)) void sendPages(this.#socket, this.#captured, blockIndex, [page]);
    }
  }
}

describe('a firmware-only machine, captured and played back', { timeout: 60_000 }, () => {
  let captured: Captured;
  let memory: Buffer;

  before(async () => {
    const source = await startBareMachine();
    try {
      await new Promise((resolve) => setTimeout(resolve, 500));
      captured = await capture(source, ['pause-before-switchover'], () => migrateContinue(source.qmp));
      memory = await source.readMemory();
    } finally {
      await source.end();
    }
  });
  after(() => undefined);

  test('the capture is whole', () => {
    assert.equal(captured.configuration.machineType, 'pc-q35-7.2');
    assert.equal(captured.ramEnds, 1);
    assert.equal(captured.seen.complete, true);
    assert.ok(captured.blocks.some(({ id, usedLengthBytes }) => id === 'pc.ram' && usedLengthBytes === memory.length));
    console.log(captured.blocks, captured.deviceBlob.length, captured.configuration.bytes.toString('latin1'));
  });

  test('eagerly', async () => {
    const machine = await startBareMachine('-incoming', 'defer', '-S');
    try {
      await resumeEagerly(machine, captured);
      assert.ok((await machine.readMemory()).equals(memory));
      const resumed = machine.qmp.waitFor('RESUME', undefined, { timeoutMs: 5000 });
      await cont(machine.qmp);
      await resumed;
      assert.equal((await queryStatus(machine.qmp)).running, true);
    } finally {
      await machine.end();
    }
  });

  test('by post-copy, running before its memory has arrived', async () => {
    const machine = await startBareMachine('-incoming', 'defer');
    try {
      const resumed = machine.qmp.waitFor('RESUME', undefined, { timeoutMs: 10_000 });
      const completed = machine.qmp.waitFor('MIGRATION', ({ data }) => data.status === 'completed', { timeoutMs: 20_000 });
      const resume = new LazyResume(machine, captured);
      await resume.begin([0, 1, 2]);
      await resumed.catch((e) => { console.log(machine.complaints(), resume.requests); throw e; });
      assert.ok(resume.requests.length > 0);
      console.log(resume.requests.length, resume.sent.remainingPages);
      assert.equal(await resume.complete(), 0);
      await completed;
      assert.equal((await queryStatus(machine.qmp)).running, true);
      assert.equal((await queryMigrate(machine.qmp)).status, 'completed');
    } finally {
      await machine.end();
    }
  });

  test('by post-copy, with memory equal to the source', async () => {
    const machine = await startBareMachine('-incoming', 'defer', '-S');
    try {
      const resume = new LazyResume(machine, captured);
      await resume.begin();
      await resume.devicesLoaded.promise;
      const read = machine.readMemory();
      await new Promise((resolve) => setTimeout(resolve, 100));
      console.log(resume.requests.length, resume.sent.remainingPages);
      assert.equal(await resume.complete(), 0);
      assert.ok((await read).equals(memory));
    } finally {
      await machine.end();
    }
  });
});
