import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import type { Checkpoint } from '@godwit/wire';
import { Memory } from './memory.ts';

const desktop = { desktopId: 'd', name: 'work', epoch: 3 };

function checkpoint(sequence: number, change: Partial<Checkpoint> = {}): Checkpoint {
  return { sequence, digest: `digest-${sequence}`, parent: sequence === 1 ? null : `digest-${sequence - 1}`, epoch: sequence, hostId: 'h', hostName: 'a', createdMs: 0, acknowledgedMs: 0, bytes: 1, ...change } as Checkpoint;
}

describe('what a campaign remembers of a line', () => {
  const good = [checkpoint(3), checkpoint(2), checkpoint(1)];

  test('finds nothing in one that only grows, and whose old end is dropped', () => {
    const memory = new Memory();
    memory.acknowledged('work', 2);
    assert.deepEqual(memory.line(desktop, good.slice(1)), []);
    assert.deepEqual(memory.line(desktop, good), []);
    assert.deepEqual(memory.line(desktop, good.slice(0, 1)), []);
  });

  for (const [what, line] of [
    ['a gap', [checkpoint(3), checkpoint(1)]],
    ['another parent', [checkpoint(3, { parent: 'other' }), checkpoint(2)]],
    ['an epoch that goes back', [checkpoint(3, { epoch: 1 }), checkpoint(2)]],
    ['another checkpoint in the place of one that was seen', [checkpoint(3), checkpoint(2, { digest: 'other' })]],
    ['a head behind what was acknowledged', [checkpoint(2), checkpoint(1)]],
    ['nothing at all', []],
    ['a head of an epoch that the desktop has not reached', [checkpoint(4, { epoch: 4 }), checkpoint(3)]],
  ] as const) {
    test(`finds ${what}`, () => {
      const memory = new Memory();
      memory.line(desktop, good);
      memory.acknowledged('work', 3);
      assert.notDeepEqual(memory.line(desktop, line), []);
    });
  }

  test('finds an object that nothing needs only when that lasts', () => {
    const memory = new Memory();
    assert.deepEqual(memory.overdue(['x', 'y'], 0, 10), []);
    assert.deepEqual(memory.overdue(['x'], 9, 10), []);
    assert.deepEqual(memory.overdue(['x', 'y'], 11, 10), ['x']);
    assert.equal(memory.orphanCount, 2);
  });
});
