import { deepEqual, equal } from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import type { AccountId, Clock, DesktopId } from '@godwit/base';
import { Renewals } from './renewals.ts';

const accountId = 'aa'.repeat(16) as AccountId;
const place = { accountId, desktopId: 'd1'.repeat(16) as DesktopId };

/** Each clock goes where the test says. */
class TestClock implements Clock {
  boot = 1_000_000;
  wall = 1_700_000_000_000;
  bootMs = () => this.boot;
  wallMs = () => this.wall;
  workMs = () => { throw new Error('leases know no clock that stops while a machine sleeps'); };
}

test('what it does not remember counts as renewed when it began', () => {
  const clock = new TestClock();
  const renewals = new Renewals(clock, 'keeper');
  clock.boot += 40_000;
  equal(renewals.renewedMs(place, 3), 1_000_000);
  equal(renewals.renew(place, 3), true);
  equal(renewals.renewedMs(place, 3), 1_040_000);
  equal(renewals.renewedMs(place, 4), 1_000_000);
  equal(new Renewals(clock, 'keeper').renewedMs(place, 3), 1_040_000, 'another one, begun later');
});

test('the wall clock has no say in it, however it jumps', () => {
  fc.assert(
    fc.property(fc.array(fc.record({ boot: fc.nat(60_000), wall: fc.integer({ min: -4e11, max: 4e11 }), renews: fc.boolean() })), (steps) => {
      const clock = new TestClock();
      const renewals = new Renewals(clock, 'keeper');
      let expected = clock.boot;
      for (const { boot, wall, renews } of steps) {
        clock.boot += boot;
        clock.wall += wall;
        if (renews) {
          equal(renewals.renew(place, 1), true);
          expected = clock.boot;
        }
        equal(renewals.renewedMs(place, 1), expected);
        equal(renewals.nowMs(), clock.boot);
      }
    }),
  );
});

test('once another epoch was noted, a renewal has to look again under the lock', () => {
  const clock = new TestClock();
  const renewals = new Renewals(clock, 'keeper');
  renewals.renew(place, 3);
  renewals.note(place, 4);
  clock.boot += 1_000;
  equal(renewals.renew(place, 3), false, 'a question that was asked before the take-over and is answered after it');
  equal(renewals.renewedMs(place, 4), 1_000_000);
  renewals.note(place, 3);
  deepEqual([renewals.renew(place, 3), renewals.renew(place, 4)], [true, false], 'the take-over was rolled back');
});

test("accounts do not meet, though their desktops' ids may be the same", () => {
  const renewals = new Renewals(new TestClock(), 'keeper');
  const elsewhere = { ...place, accountId: 'bb'.repeat(16) as AccountId };
  renewals.note(elsewhere, 9);
  equal(renewals.renew(place, 3), true);
  equal(renewals.renew(elsewhere, 9), true);
});

test('it forgets what has been over for long, and nothing else', () => {
  const clock = new TestClock();
  const renewals = new Renewals(clock, 'keeper');
  const places = Array.from({ length: 1000 }, (_, index) => ({ accountId, desktopId: index.toString(16).padStart(32, '0') as DesktopId }));
  for (const each of places) {
    clock.boot += 1_000;
    renewals.note(each, 1);
    if (each !== places[0]) renewals.note(places[0]!, 1);
  }
  equal(renewals.size, 602, 'ten minutes of them, and the one that is renewed again and again');
  equal(renewals.renewedMs(places[0]!, 1), clock.boot);
  equal(renewals.renewedMs(places[1]!, 1), 1_000_000);
});
