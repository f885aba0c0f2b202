import assert from 'node:assert/strict';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import { newId, silentLog, systemClock, systemRandom, type DesktopId } from '@godwit/base';
import { createDevice, cryptoReady, newDesktopKey, type DeviceSecrets } from '@godwit/crypto';
import { CheckpointReader, CheckpointWriter, desktopKeys, memoryStore, type DesktopKeys } from '@godwit/snapshot';
import { diskRegion } from '../machine/state-region.ts';
import { keepWorkingSet, putWorkingSet, readWorkingSet, type SetHolder } from './kept.ts';

/** The way of a working set from one host to the next: file, checkpoint, reader. */
describe('a working set that is kept', () => {
  const store = memoryStore();
  const directory = mkdtempSync('/tmp/godwit-k-');
  const pages = Array.from({ length: 500 }, (_, at) => ({ regionId: 0x1000, page: at * 5 }));
  let signer: DeviceSecrets;
  let keys: DesktopKeys;

  before(async () => {
    await cryptoReady();
    signer = createDevice(systemRandom);
    keys = desktopKeys(newId<DesktopId>(systemRandom), new Map([[1, newDesktopKey(systemRandom)]]));
  });
  after(() => rmSync(directory, { recursive: true }));

  const holder = (name: string): SetHolder => ({ home: { workingSetFile: join(directory, name) }, workingSet: undefined });

  async function checkpoint(desktop: SetHolder, parent?: CheckpointReader): Promise<{ reader: CheckpointReader; pagesWritten: number }> {
    const writer = new CheckpointWriter({ store, keys, epoch: 1, keyGeneration: 1, signer, chain: { length: 1, headHash: Buffer.alloc(32) }, regions: [diskRegion(0, 65_536)], random: systemRandom, clock: systemClock, ...(parent === undefined ? {} : { parent }) });
    await writer.putPages(0x100, Uint32Array.of(0), systemRandom(65_536));
    await putWorkingSet(desktop, writer, parent?.manifest.digest.toString('base64url'));
    const { manifest, stats } = await writer.finish({ contract: Buffer.from('{}'), sequence: (parent?.manifest.public.sequence ?? 0) + 1, stats: { bytesScanned: 0, pauseMs: 0 } });
    return { reader: await CheckpointReader.open({ store, keys, manifest, signerPublic: signer.signPublic }), pagesWritten: stats.pagesWritten };
  }

  test('comes out of the checkpoint as it went in, also for an agent that starts anew, and is written once', async () => {
    await keepWorkingSet(holder('set'), pages);
    const anew = holder('set');
    const first = await checkpoint(anew);
    assert.equal(first.pagesWritten, 2);
    const found = await readWorkingSet(first.reader, silentLog);
    assert.ok(found !== undefined);
    assert.deepEqual(found.pages, pages);
    const there: SetHolder = { ...holder('there'), workingSet: found.kept };
    const second = await checkpoint(there, first.reader);
    assert.equal(second.pagesWritten, 1, 'the disk alone');
    assert.deepEqual((await readWorkingSet(second.reader, silentLog))?.pages, pages);
    await keepWorkingSet(there, pages.slice(1));
    const third = await checkpoint(there, second.reader);
    assert.equal(third.pagesWritten, 2);
    assert.deepEqual((await readWorkingSet(third.reader, silentLog))?.pages, pages.slice(1));
  });

  test('is not missed where there is none, nor where it is not one', async () => {
    const without = await checkpoint(holder('none'));
    assert.equal(await readWorkingSet(without.reader, silentLog), undefined);
    writeFileSync(join(directory, 'torn'), 'GWWS');
    assert.equal((await checkpoint(holder('torn'))).pagesWritten, 1);
    const lying: SetHolder = { ...holder('lying'), workingSet: { bytes: Buffer.alloc(5000, 7), storedIn: undefined } };
    assert.equal(await readWorkingSet((await checkpoint(lying)).reader, silentLog), undefined);
  });

  test('that the store has lost ends no resume', async () => {
    const { reader } = await checkpoint({ ...holder('lost'), workingSet: { bytes: Buffer.alloc(5000, 7), storedIn: undefined } });
    for await (const { key } of store.list('d-')) await store.delete(key);
    assert.equal(await readWorkingSet(reader, silentLog), undefined);
  });
});
