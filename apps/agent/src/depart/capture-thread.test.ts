import assert from 'node:assert/strict';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { connect } from 'node:net';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import { zstdDecompressSync } from 'node:zlib';
import { Fault, newId, systemClock, systemRandom, type DesktopId } from '@godwit/base';
import { createDevice, cryptoReady, Secret } from '@godwit/crypto';
import { MigrationDecoder } from '@godwit/qemu';
import { CheckpointReader, desktopKeys, memoryStore, PageDigests, type ObjectStore } from '@godwit/snapshot';
import { playCheckpoint } from '../offline/play-checkpoint.ts';
import { ThreadedCheckpoint } from './threaded-checkpoint.ts';

/** A recorded stream of QEMU 7.2. */
const stream = zstdDecompressSync(readFileSync(new URL('../../../../libs/qemu/src/migration/fixtures/q35-2m-precopy.zst', import.meta.url)));
const signer = await cryptoReady().then(() => createDevice(systemRandom));
const keys = desktopKeys(newId<DesktopId>(systemRandom), new Map([[1, new Secret(systemRandom(32))]]));

/** Per block name and page the content, of pages that are not zero; and the device state. */
class Memory {
  readonly pages = new Map<string, Buffer>();
  device: Buffer = Buffer.alloc(0);
  #names: string[] = [];

  onBlocks(blocks: readonly { id: string }[]): void {
    this.#names = blocks.map(({ id }) => id);
  }

  onPages({ blockIndex, pages, bytes }: { blockIndex: number; pages: Uint32Array; bytes: Buffer }): Promise<void> {
    for (const [index, page] of pages.entries()) this.pages.set(`${this.#names[blockIndex]}/${page}`, Buffer.from(bytes.subarray(index * 4096, (index + 1) * 4096)));
    return Promise.resolve();
  }

  onZeroPages({ blockIndex, pages }: { blockIndex: number; pages: Uint32Array }): Promise<void> {
    for (const page of pages) this.pages.delete(`${this.#names[blockIndex]}/${page}`);
    return Promise.resolve();
  }

  onDevice(blob: Buffer): Promise<void> {
    this.device = blob;
    return Promise.resolve();
  }
}

function whole(): Memory {
  const memory = new Memory();
  const decoder = new MigrationDecoder({
    onConfiguration: () => undefined,
    onBlocks: (blocks) => memory.onBlocks(blocks),
    onPages: (batch) => void memory.onPages(batch),
    onZeroPages: (batch) => void memory.onZeroPages(batch),
    onDevice: (blob) => void memory.onDevice(blob),
    onEnd: () => undefined,
  });
  decoder.push(stream);
  decoder.end();
  return memory;
}

describe('a state that comes through a thread', { timeout: 60_000 }, () => {
  let directory: string;
  before(() => (directory = mkdtempSync('/tmp/godwit-x-')));
  after(() => rmSync(directory, { recursive: true, force: true }));

  /** Sends `bytes` in pieces as QEMU would, to a checkpoint that is aborted if anything fails. */
  async function capture(bytes: Buffer, store: ObjectStore, digests: PageDigests, during: (checkpoint: ThreadedCheckpoint) => void = () => undefined): Promise<{ checkpoint: ThreadedCheckpoint; ramBytes: number; firstPages: number }> {
    const options = { store, keys, signer, epoch: 1, keyGeneration: 1, chain: { length: 1, headHash: Buffer.alloc(32) }, regions: [], random: systemRandom, clock: systemClock };
    const checkpoint = new ThreadedCheckpoint(options, digests, []);
    const path = join(directory, 'out');
    let firstPages = 0;
    try {
      await checkpoint.receiver.listen(path, { kind: 'self' });
      const socket = connect(path);
      socket.on('error', () => socket.destroy()); // The other end may be gone: that is what some tests are about.
      const receiving = checkpoint.receiver.receive(() => (firstPages += 1), () => undefined);
      for (let at = 0; at < bytes.length; at += 10_007) socket.write(bytes.subarray(at, at + 10_007));
      during(checkpoint);
      if (during.length === 0) socket.end();
      return { checkpoint, ramBytes: await receiving, firstPages };
    } catch (error) {
      await checkpoint.abort();
      throw error;
    }
  }

  const isFault = (code: string) => (error: unknown): boolean => error instanceof Fault && error.code === code;

  test('is the state that was sent, and what is sent again unchanged is not kept again', async () => {
    const expected = whole();
    const [store, digests] = [memoryStore(), new PageDigests([], systemRandom)];
    const { checkpoint, ramBytes, firstPages } = await capture(stream, store, digests);
    const { manifest } = await checkpoint.finish({ contract: Buffer.from('{}'), sequence: 1, stats: { bytesScanned: 0, pauseMs: 0 } });
    const read = new Memory();
    await playCheckpoint(await CheckpointReader.open({ store, keys, manifest, signerPublic: signer.signPublic }), read, () => undefined);
    assert.deepEqual(read.pages, expected.pages);
    assert.deepEqual(read.device, expected.device);
    assert.deepEqual([ramBytes, firstPages, checkpoint.pagesChanged], [642 * 4096, 1, expected.pages.size]);
    const again = await capture(stream, memoryStore(), digests);
    assert.equal(again.checkpoint.pagesChanged, 0);
    await again.checkpoint.abort();
  });

  test('that breaks off is a fault of the stream', async () => {
    await assert.rejects(capture(stream.subarray(0, stream.length - 40_000), memoryStore(), new PageDigests([], systemRandom)), isFault('MIGRATION_TRUNCATED'));
    await assert.rejects(capture(Buffer.from('QEMU speaks otherwise'), memoryStore(), new PageDigests([], systemRandom)), isFault('MIGRATION_CORRUPT'));
  });

  test('ends with whatever ends its threads', async () => {
    await assert.rejects(capture(stream.subarray(0, 50_000), memoryStore(), new PageDigests([], systemRandom), (checkpoint) => checkpoint.receiver.close()), isFault('CAPTURE_FAILED'));
    await assert.rejects(capture(stream.subarray(0, 50_000), memoryStore(), new PageDigests([], systemRandom), (checkpoint) => void checkpoint.abort()), Fault);
  });

  test('is not waited for where the store fails', async () => {
    const full: ObjectStore = { ...memoryStore(), put: () => Promise.reject(new Fault('STORE_UNAVAILABLE', { found: 'ENOSPC' })) };
    const { checkpoint } = await capture(stream, full, new PageDigests([], systemRandom));
    await assert.rejects(checkpoint.finish({ contract: Buffer.from('{}'), sequence: 1, stats: { bytesScanned: 0, pauseMs: 0 } }), isFault('STORE_UNAVAILABLE'));
    await checkpoint.abort();
  });
});
