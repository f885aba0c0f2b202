import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import type { DiskRecord } from './record.ts';
import { mergesDue, withoutMerged } from './shorten-chain.ts';

const chain = (disk: number, layers: number, committedLayers: number): DiskRecord => ({ layers: Array.from({ length: layers }, (_, level) => ({ file: `disk${disk}-${level}.qcow2`, format: 'qcow2' })), committedLayers });
const filesOf = ({ layers }: DiskRecord): string[] => layers.map(({ file }) => file);

describe('the merges of a chain', () => {
  test('are due for more than four layers that are in a checkpoint, never with the one that is written to', () => {
    assert.deepEqual(mergesDue([chain(0, 5, 4)], true), []);
    assert.deepEqual(mergesDue([chain(0, 6, 5)], true), [{ disk: 0, files: filesOf(chain(0, 5, 0)) }]);
    // All of it is in a checkpoint: the last is written to all the same.
    assert.deepEqual(mergesDue([chain(0, 5, 5)], true), []);
    assert.deepEqual(mergesDue([chain(0, 5, 5)], false), [{ disk: 0, files: filesOf(chain(0, 5, 0)) }]);
  });

  test('are due for more than four layers that are in no checkpoint, and never for both kinds as one', () => {
    for (let layers = 1; layers <= 16; layers += 1) {
      for (let committedLayers = 0; committedLayers <= layers; committedLayers += 1) {
        for (const active of [true, false]) {
          const disk = chain(1, layers, committedLayers);
          for (const { files } of mergesDue([chain(0, 1, 1), disk], active)) {
            const levels = files.map((file) => filesOf(disk).indexOf(file));
            assert.deepEqual(levels, levels.map((_, index) => levels[0]! + index), 'one run');
            assert.equal(levels.every((level) => level < committedLayers) || levels.every((level) => level >= committedLayers), true);
            assert.ok(!active || levels.at(-1)! < layers - 1);
          }
        }
      }
    }
    assert.equal(mergesDue([chain(0, 12, 5)], true).length, 2);
  });

  test('leave the record with the lowest of them, and with as many layers in a checkpoint as there are', () => {
    assert.deepEqual(withoutMerged([chain(0, 6, 5), chain(1, 6, 5)], 'disk1-0.qcow2', 'disk1-4.qcow2'), [chain(0, 6, 5), { layers: [chain(1, 6, 0).layers[0], chain(1, 6, 0).layers[5]], committedLayers: 1 }]);
    const above = withoutMerged([chain(0, 8, 2)], 'disk0-2.qcow2', 'disk0-6.qcow2');
    assert.deepEqual(above.map((disk) => [filesOf(disk), disk.committedLayers]), [[['disk0-0.qcow2', 'disk0-1.qcow2', 'disk0-2.qcow2', 'disk0-7.qcow2'], 2]]);
  });

  test('are told once: a record that does not name them any more stays as it is', () => {
    const once = withoutMerged([chain(0, 6, 5)], 'disk0-0.qcow2', 'disk0-4.qcow2');
    assert.deepEqual(withoutMerged(once, 'disk0-0.qcow2', 'disk0-4.qcow2'), once);
    assert.deepEqual(withoutMerged([chain(0, 6, 5)], 'disk0-7.qcow2', 'disk0-4.qcow2'), [chain(0, 6, 5)]);
  });
});
