import { equal } from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import type { HostId } from '@godwit/base';
import { judge, type Lease, type LeaseEvent, type Verdict } from './lease.ts';

const me = 'aa'.repeat(16) as HostId;
const other = 'bb'.repeat(16) as HostId;
const head = '11'.repeat(32);
const stale = '22'.repeat(32);

/**
 * Every state with every event, spelled out: a row per (who holds, still held), a column per event. `-` marks what the head
 * does to an event that would else be allowed.
 */
const leases: Record<string, Lease> = {
  'mine, held': { holder: me, held: true, epoch: 7, headDigest: head, headSequence: 3 },
  'mine, released': { holder: me, held: false, epoch: 7, headDigest: head, headSequence: 3 },
  "another's, held": { holder: other, held: true, epoch: 7, headDigest: head, headSequence: 3 },
  "another's, released": { holder: other, held: false, epoch: 7, headDigest: head, headSequence: 3 },
};

const events: Record<string, LeaseEvent> = {
  'acquire': { type: 'acquire', host: me },
  'acquire this head': { type: 'acquire', host: me, expectedHead: head },
  'acquire another head': { type: 'acquire', host: me, expectedHead: stale },
  'release now': { type: 'release', host: me, epoch: 7 },
  'release before': { type: 'release', host: me, epoch: 6 },
  'release ahead': { type: 'release', host: me, epoch: 8 },
  'commit now': { type: 'commit', host: me, epoch: 7, parent: head, sequence: 4 },
  'commit before': { type: 'commit', host: me, epoch: 6, parent: head, sequence: 4 },
  'commit ahead': { type: 'commit', host: me, epoch: 8, parent: head, sequence: 4 },
  'commit on another head': { type: 'commit', host: me, epoch: 7, parent: stale, sequence: 4 },
  'commit without parent': { type: 'commit', host: me, epoch: 7, parent: null, sequence: 4 },
  'commit too far': { type: 'commit', host: me, epoch: 7, parent: head, sequence: 5 },
  'commit again': { type: 'commit', host: me, epoch: 7, parent: head, sequence: 3 },
  'write now': { type: 'write', host: me, epoch: 7 },
  'write before': { type: 'write', host: me, epoch: 6 },
  'write ahead': { type: 'write', host: me, epoch: 8 },
};

const fenced = 'EPOCH_FENCED';
const elsewhere = 'DESKTOP_HELD_ELSEWHERE';
const moved = 'HEAD_MOVED';
const expected: Record<string, readonly [Verdict, Verdict, Verdict, Verdict]> = {
  //                         mine, held  mine, released  another's, held  another's, released
  'acquire':                ['again',    'apply',        elsewhere,       'apply'],
  'acquire this head':      ['again',    'apply',        elsewhere,       'apply'],
  'acquire another head':   [moved,      moved,          elsewhere,       moved],
  'release now':            ['apply',    'again',        fenced,          fenced],
  'release before':         [fenced,     fenced,         fenced,          fenced],
  'release ahead':          [fenced,     fenced,         fenced,          fenced],
  'commit now':             ['apply',    fenced,         fenced,          fenced],
  'commit before':          [fenced,     fenced,         fenced,          fenced],
  'commit ahead':           [fenced,     fenced,         fenced,          fenced],
  'commit on another head': [moved,      fenced,         fenced,          fenced],
  'commit without parent':  [moved,      fenced,         fenced,          fenced],
  'commit too far':         [moved,      fenced,         fenced,          fenced],
  'commit again':           [moved,      fenced,         fenced,          fenced],
  'write now':              ['apply',    fenced,         fenced,          fenced],
  'write before':           [fenced,     fenced,         fenced,          fenced],
  'write ahead':            [fenced,     fenced,         fenced,          fenced],
};

for (const [eventName, event] of Object.entries(events)) {
  test(`${eventName}: the verdict in each state`, () => {
    for (const [index, [leaseName, lease]] of Object.entries(leases).entries()) {
      equal(judge(lease, event), expected[eventName]?.[index], leaseName);
    }
  });
}

test('the first checkpoint has no parent and number 1', () => {
  const fresh: Lease = { holder: me, held: true, epoch: 1, headDigest: null, headSequence: 0 };
  equal(judge(fresh, { type: 'commit', host: me, epoch: 1, parent: null, sequence: 1 }), 'apply');
  equal(judge(fresh, { type: 'commit', host: me, epoch: 1, parent: head, sequence: 1 }), moved);
  equal(judge(fresh, { type: 'commit', host: me, epoch: 1, parent: null, sequence: 2 }), moved);
});

test('whatever happens in whatever order: one holder at most, epochs never go back or change hands, the line has no gaps', () => {
  const hosts = ['aa', 'bb', 'cc'].map((pair) => pair.repeat(16) as HostId);
  const step = fc.record({ type: fc.constantFrom('acquire', 'release', 'commit', 'write'), host: fc.constantFrom(...hosts), epochBack: fc.integer({ min: -1, max: 2 }), stale: fc.boolean() });
  fc.assert(
    fc.property(fc.array(step, { maxLength: 60 }), (steps) => {
      let lease: Lease = { holder: hosts[0]!, held: true, epoch: 1, headDigest: null, headSequence: 0 };
      const holderOfEpoch = new Map([[1, lease.holder]]);
      for (const { type, host, epochBack, stale } of steps) {
        const epoch = lease.epoch - epochBack;
        const event: LeaseEvent =
          type === 'acquire' ? { type, host } : type === 'commit' ? { type, host, epoch, parent: stale ? 'ff'.repeat(32) : lease.headDigest, sequence: lease.headSequence + 1 } : { type, host, epoch };
        if (judge(lease, event) !== 'apply') continue;
        const before = lease;
        if (event.type === 'acquire') lease = { ...lease, holder: host, held: true, epoch: lease.epoch + 1 };
        else {
          equal(before.held && before.holder === host && event.epoch === before.epoch, true, 'only the holder, in its epoch');
          if (event.type === 'release') lease = { ...lease, held: false };
          if (event.type === 'commit') lease = { ...lease, headSequence: event.sequence, headDigest: event.sequence.toString(16).padStart(64, '0') };
        }
        equal(holderOfEpoch.get(lease.epoch) ?? lease.holder, lease.holder, 'an epoch belongs to one host');
        holderOfEpoch.set(lease.epoch, lease.holder);
      }
    }),
  );
});
