import assert from 'node:assert/strict';
import { before, describe, test } from 'node:test';
import { newId, systemClock, systemRandom, type DesktopId } from '@godwit/base';
import { createDevice, cryptoReady, newDesktopKey } from '@godwit/crypto';
import { CheckpointReader, CheckpointWriter, defineRegion, desktopKeys, memoryStore, PageDigests, type DesktopKeys, type Region } from '@godwit/snapshot';
import fc from 'fast-check';
import { CheckpointSink } from '../depart/checkpoint-sink.ts';
import { playCheckpoint } from './play-checkpoint.ts';

/** What was captured into one checkpoint and played from it into another is the same, page by page. */

const pageBytes = 4096;
const blocks = [{ id: 'pc.ram', usedLengthBytes: 1100 * pageBytes }, { id: 'vga', usedLengthBytes: 3 * pageBytes }];
/** As QEMU sent them: block, page, and what the page holds (0: nothing). A page may come more than once. */
type Sent = readonly { readonly block: number; readonly page: number; readonly value: number }[];
const configuration = Buffer.from('the configuration');
const device = Buffer.alloc(9_000, 0x64);
/** A page of its own for each value: no two compress alike. */
const pageOf = (value: number): Buffer => Buffer.alloc(pageBytes, value === 0 ? '\0' : `page ${value}, `);

describe('a checkpoint that is played', () => {
  before(async () => cryptoReady());

  test('gives all that was captured: the newest of each page, zeros, and the device state', async () => {
    const sent = fc.array(fc.oneof(fc.record({ block: fc.constant(0), page: fc.integer({ min: 0, max: 1099 }), value: fc.integer({ min: 0, max: 5 }) }), fc.record({ block: fc.constant(1), page: fc.integer({ min: 0, max: 2 }), value: fc.integer({ min: 0, max: 5 }) })), { maxLength: 200 });
    await fc.assert(fc.asyncProperty(sent, async (pages) => {
      const first = await captured(pages);
      const second = await played(first);
      for (const reader of [first, second]) assert.deepEqual(await contentOf(reader), expectedOf(pages));
      assert.deepEqual(await second.readRegion(1), await first.readRegion(1));
    }), { numRuns: 25 });
  });

  test('sends on only what the parent does not have', async () => {
    const parent = await captured([{ block: 0, page: 7, value: 1 }, { block: 0, page: 1030, value: 2 }]);
    const digests = new PageDigests(ramOf(parent), systemRandom);
    await played(parent, digests);
    const next = await captured([{ block: 0, page: 7, value: 1 }, { block: 0, page: 1030, value: 3 }]);
    const { sink, finish } = writer([], digests.copy());
    await playCheckpoint(next, sink, () => undefined);
    await finish();
    assert.equal(sink.pagesChanged, 1);
  });

  test('ends with what `onPages` throws', async () => {
    const reader = await captured([{ block: 0, page: 0, value: 1 }]);
    const { sink } = writer([]);
    await assert.rejects(playCheckpoint(reader, sink, () => { throw new Error('enough'); }), /enough/);
  });
});

async function captured(sent: Sent): Promise<CheckpointReader> {
  const { sink, finish } = writer([]);
  sink.onBlocks(blocks, configuration);
  for (const { block, page, value } of sent) {
    const pages = Uint32Array.of(page);
    if (value === 0) await sink.onZeroPages({ blockIndex: block, count: 1, pages });
    else await sink.onPages({ blockIndex: block, count: 1, pages, bytes: pageOf(value) });
  }
  await sink.onDevice(device);
  return finish();
}

async function played(from: CheckpointReader, digests?: PageDigests): Promise<CheckpointReader> {
  const { sink, finish } = writer(digests === undefined ? [] : ramOf(from), digests);
  const done: number[] = [];
  await playCheckpoint(from, sink, (doneBytes) => done.push(doneBytes));
  assert.equal(done.at(-1), 1103 * pageBytes);
  return finish();
}

function writer(parentRegions: readonly Region[], digests = new PageDigests([], systemRandom)): { sink: CheckpointSink; finish: () => Promise<CheckpointReader> } {
  const desktopId = newId<DesktopId>(systemRandom);
  const keys: DesktopKeys = desktopKeys(desktopId, new Map([[1, newDesktopKey(systemRandom)]]));
  const signer = createDevice(systemRandom);
  const store = memoryStore();
  const checkpoint = new CheckpointWriter({ store, keys, epoch: 1, keyGeneration: 1, signer, chain: { length: 1, headHash: Buffer.alloc(32) }, regions: [], random: systemRandom, clock: systemClock });
  const finish = async (): Promise<CheckpointReader> => {
    const { manifest } = await checkpoint.finish({ contract: Buffer.from('{}'), sequence: 1, stats: { bytesScanned: 0, pauseMs: 0 } });
    return CheckpointReader.open({ store, keys, manifest, signerPublic: signer.signPublic });
  };
  return { sink: new CheckpointSink(checkpoint, digests, parentRegions), finish };
}

function ramOf(reader: CheckpointReader): Region[] {
  return reader.regions.filter(({ kind }) => kind === 'ram').map((region) => defineRegion(region));
}

/** Per block: the pages that hold something. */
async function contentOf(reader: CheckpointReader): Promise<Map<number, Buffer>[]> {
  return Promise.all(blocks.map(async ({ id, usedLengthBytes }) => {
    const region = ramOf(reader).find(({ name }) => name === id)!;
    const found = new Map<number, Buffer>();
    for (let page = 0; page < usedLengthBytes / pageBytes; page += 1) {
      const bytes = await reader.readPage(region.id, page);
      if (bytes !== undefined) found.set(page, Buffer.from(bytes));
    }
    return found;
  }));
}

function expectedOf(sent: Sent): Map<number, Buffer>[] {
  return blocks.map((_, index) => {
    const newest = new Map(sent.filter(({ block }) => block === index).map(({ page, value }) => [page, value]));
    return new Map([...newest].filter(([, value]) => value !== 0).sort(([a], [b]) => a - b).map(([page, value]) => [page, pageOf(value)]));
  });
}
