import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { recoveryTable, type MachineFound, type RecordFound } from './recovery.ts';

const rows = Object.entries(recoveryTable).flatMap(([record, byMachine]) =>
  Object.entries(byMachine).map(([machine, row]) => ({ record: record as RecordFound, machine: machine as MachineFound, row, name: `${record}, ${machine}` })),
);
const namesWhere = (fits: (found: (typeof rows)[number]) => boolean): string[] => rows.filter(fits).map(({ name }) => name);

describe('what an agent that starts does with what it finds', () => {
  test('every stage of a record, with every state of its machine, has an end; a desktop ends here, in the store, or with its user', () => {
    assert.equal(rows.length, 8 * 3);
    assert.deepEqual(namesWhere(({ row }) => row.ends.length === 0), []);
    assert.deepEqual(namesWhere(({ record, row }) => row.ends.includes('nothing') !== (record === 'none')), []);
  });

  test('a machine that is there is never left alone, and none is asked for where there is none', () => {
    assert.deepEqual(namesWhere(({ machine, row }) => machine !== 'gone' && row.machine === 'none'), []);
    assert.deepEqual(namesWhere(({ machine, row }) => machine === 'gone' && row.machine !== 'none'), []);
    assert.deepEqual(namesWhere(({ machine, row }) => machine === 'silent' && (row.machine === 'take-on' || row.machine === 'hold')), []);
  });

  test('what goes on elsewhere or from a checkpoint has no machine here that might run beside it', () => {
    assert.deepEqual(namesWhere(({ machine, row }) => machine !== 'gone' && ['give-up', 'upload', 'remove'].includes(row.next) && row.machine !== 'end'), []);
  });

  test('the guest of a desktop runs on only where the record says that nothing was given away', () => {
    assert.deepEqual(namesWhere(({ row }) => row.ends.includes('runs-here') && row.machine === 'take-on' && row.next === 'leave'), []);
    assert.deepEqual(namesWhere(({ row, record }) => row.next === 'stand-ready' && record !== 'settled'), []);
    assert.deepEqual(namesWhere(({ row, record }) => row.next === 'ask-checkpoint' && record !== 'pending'), []);
  });

  test('nothing is thrown away that is nowhere else: only what was never a desktop, and what has a checkpoint that it came from', () => {
    assert.deepEqual([...new Set(rows.filter(({ row }) => row.next === 'remove' || row.next === 'give-up').map(({ record }) => record))], ['none', 'arriving']);
    assert.deepEqual(namesWhere(({ record, row }) => record === 'damaged' && row.machine === 'end'), []);
  });
});
