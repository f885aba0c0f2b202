import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { silentLog, type Clock } from '@godwit/base';
import fc from 'fast-check';
import { guardTimes } from './guard.ts';
import type { GuardDeed, Seen } from './guard-files.ts';
import { graceMs, pauseLimitMs, Watch, type Quarry } from './watch.ts';

/** QEMU, clock and agent as the test wants them. */
class Scene implements Quarry {
  nowMs = 1_000_000;
  given: number | null | undefined;
  running = true;
  standing = false;
  readonly acts: string[] = [];
  readonly told: Seen[] = [];
  readonly watch: Watch;
  #answer = Promise.withResolvers<undefined>();

  constructor(found?: GuardDeed) {
    const clock: Clock = { bootMs: () => this.nowMs, workMs: () => this.nowMs, wallMs: () => 0 };
    this.watch = new Watch({ times: guardTimes, clock, quarry: this, readDeadline: () => this.read(), tell: (seen) => this.told.push(seen), log: silentLog, ...(found === undefined ? {} : { found }) });
  }

  read = async (): Promise<number | null | undefined> => this.given;

  pause(): Promise<void> {
    this.acts.push('pause');
    this.#answer = Promise.withResolvers();
    return this.#answer.promise;
  }

  freeze(): void {
    this.acts.push('freeze');
  }

  kill(): void {
    this.acts.push('kill');
  }

  async answer(): Promise<void> {
    this.standing = true;
    this.#answer.resolve(undefined);
    await new Promise(setImmediate);
  }

  async look(laterMs = 0): Promise<boolean> {
    this.nowMs += laterMs;
    const goesOn = await this.watch.look();
    await new Promise(setImmediate);
    return goesOn;
  }

  /** Looks with a deadline that is so far ahead. */
  async lease(aheadMs: number): Promise<void> {
    this.given = this.nowMs + aheadMs;
    await this.look();
  }

  get last(): string {
    return `${this.told.at(-1)?.deadlineMs === this.given ? 'newest' : 'older'} ${this.told.at(-1)?.deed}`;
  }
}

describe('a guard at work', () => {
  test('without a deadline it waits for the first one, and no longer', async () => {
    const scene = new Scene();
    await scene.look(graceMs - 1);
    assert.deepEqual(scene.acts, []);
    await scene.look(1);
    assert.deepEqual(scene.acts, ['kill']);
  });

  test('it pauses, and kills, each once it is time', async () => {
    const scene = new Scene();
    await scene.lease(guardTimes.pauseMs + 1);
    assert.deepEqual([scene.acts, scene.last], [[], 'newest none']);
    await scene.look(1);
    await scene.answer();
    await scene.look();
    assert.deepEqual([scene.acts, scene.last], [['pause'], 'newest paused']);
    await scene.look(guardTimes.pauseMs - guardTimes.killMs - 1);
    assert.deepEqual(scene.acts, ['pause']);
    await scene.look(1);
    assert.deepEqual([scene.acts, scene.last], [['pause', 'kill'], 'newest killed']);
  });

  test('waking up past the deadline it kills at once and asks nobody', async () => {
    const scene = new Scene();
    await scene.lease(30_000);
    await scene.look(3_600_000);
    assert.deepEqual(scene.acts, ['kill']);
  });

  test('waking up it goes by the deadline that the agent gave meanwhile', async () => {
    const scene = new Scene();
    await scene.lease(30_000);
    scene.nowMs += 60_000;
    await scene.lease(30_000);
    assert.deepEqual(scene.acts, []);
  });

  test('waking up in the middle of a look it reads again: the agent may have been awake', async () => {
    const scene = new Scene();
    await scene.lease(30_000);
    const before = scene.given;
    scene.read = async () => {
      scene.nowMs += 60_000;
      scene.given = scene.nowMs + 30_000;
      scene.read = async () => scene.given;
      return before;
    };
    await scene.look();
    assert.deepEqual([scene.acts, scene.last], [[], 'newest none']);
  });

  test('a QEMU that does not answer is stopped, again at each look, and only while its guest may run', async () => {
    const scene = new Scene();
    await scene.lease(guardTimes.pauseMs);
    await scene.look(pauseLimitMs - 1);
    assert.deepEqual(scene.acts, ['pause']);
    await scene.look(1);
    await scene.look(100);
    assert.deepEqual([scene.acts, scene.last], [['pause', 'freeze', 'freeze'], 'newest frozen']);
    const halted = new Scene();
    await halted.lease(guardTimes.pauseMs);
    // Its processors stand still; what it still writes to its disks takes as long as it takes.
    halted.standing = true;
    await halted.look(pauseLimitMs);
    assert.deepEqual(halted.acts, ['pause']);
  });

  test('a lease that is renewed while QEMU is waited for stops nothing, and is followed only when QEMU has answered', async () => {
    const scene = new Scene();
    await scene.lease(guardTimes.pauseMs);
    await scene.look(100);
    await scene.lease(30_000);
    await scene.look(pauseLimitMs);
    assert.deepEqual([scene.acts, scene.last], [['pause'], 'older none']);
    await scene.answer();
    await scene.look();
    assert.deepEqual([scene.acts, scene.last], [['pause'], 'newest none']);
    await scene.look(30_000 - guardTimes.pauseMs);
    assert.deepEqual(scene.acts, ['pause', 'pause']);
  });

  test('a guest that is let go on in the last seconds is paused again', async () => {
    const scene = new Scene();
    await scene.lease(guardTimes.pauseMs);
    await scene.answer();
    await scene.look();
    scene.standing = false;
    await scene.look(100);
    assert.deepEqual(scene.acts, ['pause', 'pause']);
  });

  test('what cannot be read changes nothing: the deadline before it counts, to its end', async () => {
    const scene = new Scene();
    await scene.lease(30_000);
    scene.given = undefined;
    await scene.look(30_000 - guardTimes.pauseMs - 1);
    assert.deepEqual(scene.acts, []);
    await scene.look(1);
    assert.deepEqual(scene.acts, ['pause']);
  });

  test('after a guard that stopped QEMU it tells nothing before the guest stands still by QEMU’s own word', async () => {
    const scene = new Scene('frozen');
    await scene.lease(30_000);
    assert.deepEqual([scene.acts, scene.told], [['pause'], []]);
    await scene.answer();
    await scene.look();
    assert.deepEqual([scene.acts, scene.last], [['pause'], 'newest none']);
  });

  test('it ends with QEMU, and when it is told that there is nothing to guard', async () => {
    const [ended, told] = [new Scene(), new Scene()];
    ended.running = false;
    told.given = null;
    assert.deepEqual([await ended.look(3_600_000), await told.look(3_600_000)], [false, false]);
    assert.deepEqual([ended.acts, told.acts], [[], []]);
  });

  test('whatever happens, nothing is killed under a lease, and everything is without one', async () => {
    const event = fc.oneof(
      fc.record({ kind: fc.constant('time' as const), ms: fc.integer({ min: 0, max: 12_000 }) }),
      fc.record({ kind: fc.constant('lease' as const), ms: fc.integer({ min: 1, max: 31_000 }) }),
      fc.record({ kind: fc.constantFrom('answer' as const, 'go-on' as const, 'unreadable' as const), ms: fc.constant(0) }),
    );
    await fc.assert(fc.asyncProperty(fc.array(event, { maxLength: 40 }), async (events) => {
      const scene = new Scene();
      let deadlineMs = scene.nowMs + graceMs + guardTimes.killMs;
      for (const { kind, ms } of events) {
        if (kind === 'lease') deadlineMs = scene.given = Math.max(deadlineMs, scene.nowMs + ms);
        if (kind === 'unreadable') scene.given = undefined;
        if (kind === 'answer') await scene.answer();
        if (kind === 'go-on') scene.standing = false;
        const before = scene.acts.length;
        await scene.look(kind === 'time' ? ms : 0);
        const left = deadlineMs - scene.nowMs;
        assert.equal(scene.acts.slice(before).includes('kill'), left <= guardTimes.killMs);
        if (left > guardTimes.pauseMs) assert.ok(!scene.acts.slice(before).some((act) => act === 'freeze'));
        if (left <= guardTimes.killMs) return;
      }
    }));
  });
});
