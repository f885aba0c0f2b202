import { rmSync } from 'node:fs';
import { createServer, type Server, type Socket } from 'node:net';
import { Fault } from '@godwit/base';
import { MigrationDecoder, type MigrationConfiguration, type PageBatch, type RamBlock, type ZeroBatch } from '@godwit/qemu';
import { handOver, type Privilege } from '../machine/privilege.ts';

/** Where the captured state goes. Methods wait while the receiver is busy: that slows QEMU down, and nothing else. */
export interface StateSink {
  /** `configuration`: that section of QEMU's stream, to be played back as it was. */
  onBlocks(blocks: readonly RamBlock[], configuration: Buffer): void;
  /** The bytes are the sink's until it resolves. */
  onPages(batch: PageBatch): Promise<void>;
  onZeroPages(batch: ZeroBatch): Promise<void>;
  onDevice(blob: Buffer): Promise<void>;
}

/** The other end of one migration of QEMU's: takes the whole state of a guest as it is sent. */
export interface StateReceiver {
  /** Listens at `path` for one connection, as the user that QEMU runs as. */
  listen(path: string, privilege: Privilege): Promise<void>;
  /**
   * Resolves with the bytes of RAM that came (page records, every round counted) when the stream has ended and all of it was taken. `onFirstPage` is called once. Throws CAPTURE_FAILED where QEMU
   * does not connect within 10 s, faults of the stream (MIGRATION_*), and whatever the sink throws.
   */
  receive(onFirstPage: () => void, onProgress: (streamBytes: number) => void): Promise<number>;
  close(): void;
}

const connectMs = 10_000;
const pageBytes = 4096;

/** Receives into a sink of this thread. */
export class SinkReceiver implements StateReceiver {
  readonly #sink: StateSink;
  #server: Server | undefined;
  #accepted: Promise<Socket> | undefined;

  constructor(sink: StateSink) {
    this.#sink = sink;
  }

  async listen(path: string, privilege: Privilege): Promise<void> {
    // Left by an agent that was killed in the middle of a capture.
    rmSync(path, { force: true });
    const server = createServer({ pauseOnConnect: true });
    this.#server = server;
    server.maxConnections = 1;
    await new Promise<void>((resolve, reject) => server.once('error', reject).listen(path, resolve));
    handOver(privilege, path, 0o600);
    this.#accepted = new Promise<Socket>((resolve, reject) => {
      const timer = setTimeout(() => reject(new Fault('CAPTURE_FAILED', { expected: 'a connection from QEMU', found: 'none' })), connectMs);
      server.once('connection', (socket) => {
        clearTimeout(timer);
        resolve(socket);
      });
      server.once('close', () => clearTimeout(timer));
    });
    this.#accepted.catch(() => undefined); // A capture that failed before it got here has its own reason.
  }

  async receive(onFirstPage: () => void, onProgress: (streamBytes: number) => void): Promise<number> {
    if (this.#accepted === undefined) throw new Fault('INTERNAL', { expected: 'a receiver that listens' });
    const socket = await this.#accepted;
    const sink = this.#sink;
    const taken: (() => Promise<void>)[] = [];
    let configuration: MigrationConfiguration | undefined;
    const decoder = new MigrationDecoder({
      onConfiguration: (found) => (configuration = found),
      onBlocks: (blocks) => sink.onBlocks(blocks, configuration!.bytes),
      onPages: (batch) => taken.push(() => sink.onPages(batch)),
      onZeroPages: (batch) => taken.push(() => sink.onZeroPages(batch)),
      onDevice: (blob) => taken.push(() => sink.onDevice(blob)),
      onEnd: () => undefined,
    });
    const drain = async (): Promise<void> => {
      for (const hand of taken) await hand();
      taken.length = 0;
    };
    for await (const chunk of socket as AsyncIterable<Buffer>) {
      const before = decoder.pageRecords;
      decoder.push(chunk);
      if (before === 0 && decoder.pageRecords > 0) onFirstPage();
      await drain();
      onProgress(decoder.streamBytes);
    }
    decoder.end();
    await drain();
    return decoder.pageRecords * pageBytes;
  }

  close(): void {
    this.#server?.close();
  }
}
