import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { ByteWriter } from '@godwit/base';
import { maxConfigurationBytes, type RamBlock } from '@godwit/qemu';
import { defineRegion, type Region } from '@godwit/snapshot';
import fc from 'fast-check';
import { decodeDeviceState, deviceRegionOf, diskRegion, diskRegions, encodeDeviceState, encodeWorkingSetRegion, ramRegions, streamHeadOf, workingSetRegionOf } from './state-region.ts';

const invalid = { code: 'CONTRACT_INVALID' };
const block = (id: string, pages = 1): RamBlock => ({ id, usedLengthBytes: pages * 4096 });
const shown = (regions: readonly Region[]): [number, string][] => regions.map(({ id, name }) => [id, name]);

describe('regions of RAM', () => {
  test('are numbered from 0x1000 in the order of QEMU', () => {
    assert.deepEqual(ramRegions([block('pc.ram', 3), block('vga.vram')], []), [
      { id: 0x1000, kind: 'ram', name: 'pc.ram', pageBytes: 4096, lengthBytes: 3 * 4096 },
      { id: 0x1001, kind: 'ram', name: 'vga.vram', pageBytes: 4096, lengthBytes: 4096 },
    ]);
  });

  test('keep the number that their name had, and no new one takes a number that was given', () => {
    const parent = [...ramRegions([block('a'), block('b'), block('c')], []), diskRegion(0, 65_536)];
    assert.deepEqual(shown(ramRegions([block('c'), block('new'), block('a')], parent)), [[0x1002, 'c'], [0x1003, 'new'], [0x1000, 'a']]);
    assert.deepEqual(shown(ramRegions([block('new')], parent.slice(1))), [[0x1003, 'new']]);
  });

  test('however blocks come and go, a name keeps its number from one checkpoint to the next', () => {
    const names = fc.uniqueArray(fc.constantFrom('a', 'b', 'c', 'd', 'e'), { minLength: 1 });
    fc.assert(fc.property(fc.array(names, { minLength: 1, maxLength: 6 }), (history) => {
      let parent: Region[] = [];
      for (const each of history) {
        const regions = ramRegions(each.map((name) => block(name)), parent);
        assert.equal(new Set(regions.map(({ id }) => id)).size, regions.length);
        for (const { name, id } of regions) {
          assert.ok(id >= 0x1000);
          const before = parent.find((region) => region.name === name);
          if (before !== undefined) assert.equal(id, before.id);
          else assert.ok(parent.every((region) => region.id < id));
        }
        parent = regions;
      }
    }));
  });

  test('are played back as they were', () => {
    const blocks = [block('pc.ram', 3), block('vga.vram')];
    const regions = [diskRegion(0, 65_536), ...ramRegions(blocks, [])];
    const configuration = Buffer.from('configuration');
    assert.deepEqual(streamHeadOf(regions, configuration), { head: { configuration, blocks }, ram: regions.slice(1) });
  });
});

describe('regions of disks', () => {
  test('have fixed numbers and come in the order of the disks', () => {
    const regions = [2, 0, 3, 1].map((disk) => diskRegion(disk, 2 ** 20));
    assert.deepEqual(shown(diskRegions([...ramRegions([block('pc.ram')], []), ...regions])), [[0x100, 'disk0'], [0x101, 'disk1'], [0x102, 'disk2'], [0x103, 'disk3']]);
  });
});

describe('the device region', () => {
  test('comes back as it was from exactly the bytes of its length, in whole pages', () => {
    const bytes = fc.uint8Array({ maxLength: 9000 }).map((each) => Buffer.from(each));
    const configurations = fc.uint8Array({ maxLength: 300 }).map((each) => Buffer.from(each));
    fc.assert(fc.property(configurations, bytes, (configuration, blob) => {
      const encoded = encodeDeviceState({ configuration, blob });
      assert.deepEqual([encoded.region.id, encoded.region.kind, encoded.region.lengthBytes], [1, 'device', 4 + configuration.length + blob.length]);
      assert.deepEqual([...encoded.pages], Array.from({ length: Math.ceil(encoded.region.lengthBytes / 4096) }, (_, page) => page));
      assert.equal(encoded.bytes.length, encoded.pages.length * 4096);
      assert.ok(encoded.bytes.subarray(encoded.region.lengthBytes).every((byte) => byte === 0));
      assert.deepEqual(decodeDeviceState(encoded.bytes.subarray(0, encoded.region.lengthBytes)), { configuration, blob });
    }));
  });

  test('is refused where it ends too early or claims too long a configuration', () => {
    const claiming = (lengthBytes: number, bytes: number): Buffer => new ByteWriter().u32(lengthBytes).put(Buffer.alloc(bytes)).finish();
    assert.throws(() => decodeDeviceState(Buffer.alloc(3)), invalid);
    assert.throws(() => decodeDeviceState(claiming(5, 4)), invalid);
    assert.throws(() => decodeDeviceState(claiming(0xffff_ffff, 8)), { ...invalid, found: '4294967295' });
    assert.throws(() => decodeDeviceState(claiming(maxConfigurationBytes + 1, maxConfigurationBytes + 1)), invalid);
    assert.equal(decodeDeviceState(claiming(maxConfigurationBytes, maxConfigurationBytes)).blob.length, 0);
  });

  test('any bytes are a state or refused', () => {
    fc.assert(fc.property(fc.uint8Array({ maxLength: 40 }), (bytes) => {
      try {
        const { configuration, blob } = decodeDeviceState(Buffer.from(bytes));
        assert.equal(4 + configuration.length + blob.length, bytes.length);
      } catch (error) {
        assert.equal((error as { code?: unknown }).code, 'CONTRACT_INVALID');
      }
    }));
  });

  test('has to be there', () => {
    const device = defineRegion({ id: 1, kind: 'device', name: 'device', lengthBytes: 4 });
    assert.equal(deviceRegionOf([diskRegion(0, 65_536), device]), device);
    assert.throws(() => deviceRegionOf([diskRegion(0, 65_536)]), invalid);
    const { region } = encodeWorkingSetRegion(Buffer.alloc(10));
    assert.throws(() => deviceRegionOf([region]), invalid);
    assert.deepEqual([workingSetRegionOf([device, region]), workingSetRegionOf([device])], [region, undefined]);
  });
});
