import { once } from 'node:events';
import type { Socket } from 'node:net';
import { join } from 'node:path';
import {
  cont, eagerClosing, eagerOpening, migrate, migrateIncoming, MigrationDecoder, pageBytes, pingDevicesLoaded, postcopyClosing, postcopyOpening, postcopySwitch,
  ramPages, ramZeroPages, ReturnPathDecoder, SentPages, setMigrationCapabilities, setMigrationParameters,
  type MigrationCapability, type MigrationConfiguration, type MigrationSink, type PageRequest, type RamBlock,
} from '@godwit/qemu';
import { acceptOne, connectTo, writeAll, type BareMachine } from './bare-machine.ts';

/** A machine's whole state, captured from a stream and kept in memory: the shortest possible user of libs/qemu. */
export class Captured {
  configuration!: MigrationConfiguration;
  blocks: readonly RamBlock[] = [];
  memory: Buffer[] = [];
  seen = new SentPages([]);
  deviceBlob = Buffer.alloc(0);
  ramEnds = 0;
  ended = false;

  sink(): MigrationSink {
    return {
      onConfiguration: (configuration) => (this.configuration = configuration),
      onBlocks: (blocks) => {
        this.blocks = blocks;
        this.memory = blocks.map(({ usedLengthBytes }) => Buffer.alloc(usedLengthBytes, 0xee));
        this.seen = new SentPages(blocks);
      },
      onPages: ({ blockIndex, count, pages, bytes }) => {
        for (let index = 0; index < count; index += 1) {
          bytes.copy(this.memory[blockIndex]!, pages[index]! * pageBytes, index * pageBytes, (index + 1) * pageBytes);
          this.seen.take(blockIndex, pages[index]!);
        }
      },
      onZeroPages: ({ blockIndex, pages }) => {
        for (const page of pages) {
          this.memory[blockIndex]!.fill(0, page * pageBytes, (page + 1) * pageBytes);
          this.seen.take(blockIndex, page);
        }
      },
      onRamEnd: () => (this.ramEnds += 1),
      onDevice: (blob) => (this.deviceBlob = Buffer.from(blob)),
      onEnd: () => (this.ended = true),
    };
  }

  page(blockIndex: number, page: number): Buffer {
    return this.memory[blockIndex]!.subarray(page * pageBytes, (page + 1) * pageBytes);
  }
}

/** `background`: the guest goes on as soon as write tracking is on, which older QEMU does by itself. */
export async function capture({ qmp, directory }: BareMachine, capabilities: readonly MigrationCapability[], whenPaused: () => Promise<void> = async () => undefined): Promise<Captured> {
  const captured = new Captured();
  const decoder = new MigrationDecoder(captured.sink());
  const path = join(directory, `capture-${performance.now()}`);
  const { connection } = await acceptOne(path);
  await setMigrationCapabilities(qmp, ['events', ...capabilities]);
  await setMigrationParameters(qmp, { maxBandwidthBytes: 0 });
  const reached = (status: string): Promise<unknown> => qmp.waitFor('MIGRATION', ({ data }) => data.status === status, { timeoutMs: 20_000 });
  const background = capabilities.includes('background-snapshot');
  const receive = async (): Promise<void> => {
    let going = !background;
    for await (const chunk of await connection) {
      decoder.push(chunk as Buffer);
      if (!going && decoder.pageRecords > 0) {
        going = true;
        await cont(qmp);
      }
    }
    decoder.end();
  };
  const paused = capabilities.includes('pause-before-switchover') ? reached('pre-switchover').then(whenPaused) : undefined;
  await Promise.all([reached('completed'), paused, receive(), migrate(qmp, path)]);
  return captured;
}

/** Everything first, then devices, then the guest. */
export async function resumeEagerly({ qmp, directory }: BareMachine, captured: Captured): Promise<void> {
  const path = join(directory, 'incoming');
  await setMigrationCapabilities(qmp, ['events']);
  await migrateIncoming(qmp, path);
  const completed = qmp.waitFor('MIGRATION', ({ data }) => data.status === 'completed', { timeoutMs: 20_000 });
  const socket = await connectTo(path);
  await writeAll(socket, eagerOpening({ configuration: captured.configuration.bytes, blocks: captured.blocks }));
  await sendUnsent(socket, captured, new SentPages(captured.blocks));
  await writeAll(socket, eagerClosing(captured.deviceBlob));
  await completed;
  socket.destroy();
}

export interface LazyResumeOptions {
  /** Pages of `pc.ram` to send ahead. */
  readonly hotPages?: readonly number[];
  /** For the test of what happens without: replaces the opening's bytes. */
  readonly changeOpening?: (opening: Buffer) => Buffer;
}

/** A post-copy resume as its source sees it. Answers page requests from `begin` on; `complete` sends the rest. */
export class LazyResume {
  readonly requests: PageRequest[] = [];
  readonly devicesLoaded: PromiseWithResolvers<undefined> = Promise.withResolvers();
  readonly sent: SentPages;
  readonly #shut = Promise.withResolvers<number>();
  readonly #machine: BareMachine;
  readonly #captured: Captured;
  #socket: Socket | undefined;

  constructor(machine: BareMachine, captured: Captured) {
    this.#machine = machine;
    this.#captured = captured;
    this.sent = new SentPages(captured.blocks);
  }

  async begin({ hotPages = [], changeOpening = (opening) => opening }: LazyResumeOptions = {}): Promise<void> {
    const { qmp, directory } = this.#machine;
    const path = join(directory, 'incoming');
    await setMigrationCapabilities(qmp, ['events', 'postcopy-ram']);
    await migrateIncoming(qmp, path);
    const socket = await connectTo(path);
    this.#socket = socket;
    const returnPath = new ReturnPathDecoder({
      onPong: (value) => {
        if (value === pingDevicesLoaded) this.devicesLoaded.resolve(undefined);
      },
      onShut: (status) => this.#shut.resolve(status),
      onRequest: (request) => this.#answer(socket, request),
    });
    socket.on('data', (chunk: Buffer) => returnPath.push(chunk));
    socket.on('error', (error) => this.#shut.reject(error));
    this.#shut.promise.catch(() => undefined); // Whoever waits for it is told.
    const opening = Buffer.concat(postcopyOpening({ configuration: this.#captured.configuration.bytes, blocks: this.#captured.blocks }));
    await writeAll(socket, [changeOpening(opening)]);
    const ram = this.sent.blockIndex('pc.ram');
    await sendPages(socket, this.#captured, ram, hotPages.filter((page) => this.sent.take(ram, page)));
    await writeAll(socket, postcopySwitch(this.#captured.deviceBlob));
  }

  /** Sends what was not asked for, ends the stream, and gives the status of QEMU's SHUT. */
  async complete(): Promise<number> {
    const socket = this.#socket!;
    await sendUnsent(socket, this.#captured, this.sent);
    await writeAll(socket, postcopyClosing());
    const status = await this.#shut.promise;
    if (!socket.closed) await once(socket.end(), 'close');
    return status;
  }

  #answer(socket: Socket, { block, startBytes, lengthBytes }: PageRequest): void {
    this.requests.push({ block, startBytes, lengthBytes });
    const blockIndex = this.sent.blockIndex(block);
    for (let page = startBytes / pageBytes; page < (startBytes + lengthBytes) / pageBytes; page += 1) {
      if (this.sent.take(blockIndex, page)) void sendPages(socket, this.#captured, blockIndex, [page]);
    }
  }
}

async function sendUnsent(socket: Socket, captured: Captured, sent: SentPages): Promise<void> {
  for (let run = sent.takeRun(64); run !== undefined; run = sent.takeRun(64)) {
    const { blockIndex, firstPage, count } = run;
    await sendPages(socket, captured, blockIndex, Array.from({ length: count }, (_, index) => firstPage + index));
  }
}

async function sendPages(socket: Socket, captured: Captured, blockIndex: number, pages: readonly number[]): Promise<void> {
  const { id } = captured.blocks[blockIndex]!;
  const zero = pages.filter((page) => captured.page(blockIndex, page).equals(zeroPage));
  const filled = pages.filter((page) => !captured.page(blockIndex, page).equals(zeroPage));
  const bytes = Buffer.concat(filled.map((page) => captured.page(blockIndex, page)));
  await writeAll(socket, [
    ...ramPages(id, { blockIndex, count: filled.length, pages: Uint32Array.from(filled), bytes }),
    ...ramZeroPages(id, { blockIndex, count: zero.length, pages: Uint32Array.from(zero) }),
  ]);
}

const zeroPage = Buffer.alloc(pageBytes);
