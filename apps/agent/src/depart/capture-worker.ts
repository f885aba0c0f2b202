/** The thread that takes a guest's state from QEMU (capture-thread.ts): socket, decoder, page filter, frames. What it frames goes on to the threads that make packs. */
import { createServer, type Socket } from 'node:net';
import { parentPort, type MessagePort } from 'node:worker_threads';
import { Fault, type FaultJson } from '@godwit/base';
import { release } from '@godwit/crypto';
import { MigrationDecoder, pageBytes } from '@godwit/qemu';
import { FrameSlots, PageDigests, PageFramer, type FramedPages, type FrameHandOver, type OpenFrame, type Region, type SharedDigests, type SlotFrame } from '@godwit/snapshot';
import { PageFilter } from './page-filter.ts';

export interface CaptureOrder {
  /** Where to listen for QEMU. */
  readonly path: string;
  readonly frames: FrameHandOver;
  readonly digests: SharedDigests;
  readonly parentRegions: readonly Region[];
  /** By region: groups of pages that come into frames of their own. */
  readonly together: ReadonlyMap<number, readonly (readonly number[])[]>;
}

/** All that the capture thread knows when the stream has ended. */
export interface CapturedState {
  readonly framed: FramedPages;
  readonly digests: SharedDigests;
  readonly pagesChanged: number;
  /** Page records times page size, every round counted. */
  readonly ramBytesScanned: number;
}

export type CaptureReport =
  | { readonly listening: true }
  | { readonly firstPage: true }
  | { readonly streamBytes: number }
  | { readonly captured: CapturedState }
  | { readonly fault: FaultJson };

const connectMs = 10_000;
const progressBytes = 4 * 2 ** 20;

const port = parentPort!;
const report = (message: CaptureReport): void => port.postMessage(message);
const refuse = (error: unknown): void => report({ fault: Fault.from(error).toJSON() });

class StreamCapture {
  readonly #digests: PageDigests;
  readonly #filter: PageFilter;
  readonly #framer: PageFramer;
  readonly #slots: FrameSlots;
  readonly #ports: readonly MessagePort[];
  readonly #decoder: MigrationDecoder;
  #configuration: Buffer = Buffer.alloc(0);
  #toldBytes = 0;

  constructor({ frames, digests, parentRegions, together }: CaptureOrder) {
    this.#slots = new FrameSlots(frames.slots);
    this.#ports = frames.ports;
    this.#digests = PageDigests.ofShared(digests);
    const filter = new PageFilter(this.#digests, parentRegions);
    const framer = new PageFramer({ memory: () => this.#slots.bytes(this.#slots.take()), closed: (frame) => this.#handOver(frame) });
    this.#filter = filter;
    this.#framer = framer;
    this.#decoder = new MigrationDecoder({
      onConfiguration: ({ bytes }) => (this.#configuration = bytes),
      onBlocks: (blocks) => {
        for (const region of filter.begin(blocks, this.#configuration)) framer.addRegion(region, { together: together.get(region.id) ?? [] });
      },
      onPages: (batch) => {
        const { regionId, pages, bytes } = filter.changed(batch);
        framer.put(regionId, pages, bytes);
      },
      onZeroPages: (batch) => {
        const { regionId, pages } = filter.changedToZero(batch);
        framer.putZero(regionId, pages);
      },
      onDevice: (blob) => {
        const { region, pages, bytes } = filter.device(blob);
        framer.addRegion(region);
        framer.put(region.id, pages, bytes);
      },
      onEnd: () => framer.close(),
    });
  }

  /** Returns when all of it is in the frames: while none is free this thread stands still, the socket is not read, and QEMU waits. */
  push(chunk: Buffer): void {
    const decoder = this.#decoder;
    const before = decoder.pageRecords;
    decoder.push(chunk);
    if (before === 0 && decoder.pageRecords > 0) report({ firstPage: true });
    if (decoder.streamBytes - this.#toldBytes < progressBytes) return;
    this.#toldBytes = decoder.streamBytes;
    report({ streamBytes: decoder.streamBytes });
  }

  end(): CapturedState {
    this.#decoder.end();
    return { framed: this.#framer.framed(), digests: this.#digests.share(), pagesChanged: this.#filter.pagesChanged, ramBytesScanned: this.#decoder.pageRecords * pageBytes };
  }

  #handOver(frame: OpenFrame): void {
    const { number, region } = frame;
    const plain = frame.encode();
    const message: SlotFrame = { number, regionId: region.id, kind: region.kind, slot: this.#slots.slotOf(plain), plainBytes: plain.length };
    this.#ports[number % this.#ports.length]!.postMessage(message);
  }
}

/** One connection; what comes from any other is not looked at. */
function listen(order: CaptureOrder): void {
  const server = createServer();
  server.maxConnections = 1;
  const timer = setTimeout(() => refuse(new Fault('CAPTURE_FAILED', { expected: 'a connection from QEMU', found: 'none' })), connectMs);
  server.once('connection', (socket) => {
    clearTimeout(timer);
    server.close();
    receive(socket, order);
  });
  server.once('error', refuse);
  server.listen(order.path, () => report({ listening: true }));
}

function receive(socket: Socket, order: CaptureOrder): void {
  const capture = new StreamCapture(order);
  const guarded = (work: () => void): void => {
    try {
      work();
    } catch (error) {
      socket.destroy();
      refuse(error);
    }
  };
  socket.on('data', (chunk: Buffer) => {
    guarded(() => capture.push(chunk));
    release(chunk);
  });
  socket.once('end', () => guarded(() => report({ captured: capture.end() })));
  socket.once('error', refuse);
}

port.once('message', listen);
