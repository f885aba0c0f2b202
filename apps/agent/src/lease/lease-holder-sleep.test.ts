import { deepEqual, equal, ok } from 'node:assert/strict';
import { describe, test } from 'node:test';
import fc from 'fast-check';
import { askEveryMs, guardKillMs, guardPauseMs, leaseTermMs, wakeAnswerMs } from '@godwit/wire';
import { mayRun } from './holding.ts';
import { settle, World, type TestDesktop } from './testing/world.ts';

describe('a machine that sleeps', () => {
  test('announced: the guests stand still and the records say so before it may sleep; it asks, and goes on', async (context) => {
    const world = new World(context);
    const [kept, strict] = [await world.hold(), await world.hold('stop')];
    await world.leases.sleep();
    deepEqual([kept, strict].map(({ holding, runs, record }) => [holding, runs, record.asleep]), [['asleep', false, true], ['asleep', false, true]]);
    world.clock.sleep(3_600_000);
    world.leases.woke();
    deepEqual([kept.holding, strict.holding], ['asking', 'asking']);
    await world.clock.pass(300);
    deepEqual([kept, strict].map(({ holding, runs, record }) => [holding, runs, record.asleep]), [['confirmed', true, false], ['confirmed', true, false]]);
    equal(world.wakes, 1, 'the clocks told of the same sleep');
  });

  test('unannounced: known by the clocks within a tick, paused, asked for, and gone on with', async (context) => {
    const world = new World(context);
    const desktop = await world.hold();
    world.coordinator.latencyMs = 200;
    await world.clock.pass(1_000);
    world.clock.sleep(5_000);
    await world.clock.pass(250);
    deepEqual([desktop.holding, desktop.runs], ['asking', false]);
    await world.clock.pass(500);
    deepEqual([desktop.holding, desktop.runs], ['confirmed', true]);
  });

  test('with nobody in reach for 2 s: kept goes on, strict stays', async (context) => {
    const world = new World(context);
    const [kept, strict] = [await world.hold(), await world.hold('stop')];
    world.coordinator.mood = 'refuses';
    await world.leases.sleep();
    world.clock.sleep(10_000);
    world.leases.woke();
    await world.clock.pass(wakeAnswerMs - 300);
    deepEqual([kept.runs, strict.runs], [false, false]);
    await world.clock.pass(600);
    deepEqual([kept.holding, kept.runs], ['alone', true]);
    deepEqual([strict.holding, strict.runs], ['waiting', false]);
  });

  test('with a network that comes up a second later, the word is waited for', async (context) => {
    const world = new World(context);
    const desktop = await world.hold();
    world.coordinator.mood = 'refuses';
    await world.leases.sleep();
    world.clock.sleep(10_000);
    world.leases.woke();
    await world.clock.pass(1_000);
    world.takeOver(desktop);
    world.coordinator.mood = 'answers';
    await world.clock.pass(500);
    deepEqual([desktop.holding, desktop.runs, world.forks.length], ['superseded', false, 1]);
  });

  test('an answer to a question from before the sleep is thrown away, noticed or not', async (context) => {
    const world = new World(context);
    const desktop = await world.hold('stop');
    world.coordinator.latencyMs = 1_000;
    world.leases.reconnected();
    await world.clock.pass(1_500);
    const { deadlineMs } = world.guards.get(desktop.record.desktopId)!;
    world.coordinator.mood = 'hangs';
    world.clock.sleep(5_000);
    // The answer is read before the next tick.
    await world.clock.pass(500);
    deepEqual([desktop.holding, desktop.runs], ['asking', false]);
    equal(world.guards.get(desktop.record.desktopId)!.deadlineMs, deadlineMs);
  });

  test('a sleep that was announced and does not come is over after 30 s', async (context) => {
    const world = new World(context);
    const desktop = await world.hold();
    await world.leases.sleep();
    await world.clock.pass(29_000);
    equal(desktop.runs, false);
    await world.clock.pass(2_000);
    deepEqual([desktop.holding, desktop.runs, desktop.record.asleep], ['confirmed', true, false]);
  });

  test('and sleeps again while it asks: the second question counts', async (context) => {
    const world = new World(context);
    const desktop = await world.hold();
    world.coordinator.latencyMs = 400;
    await world.leases.sleep();
    world.clock.sleep(10_000);
    world.leases.woke();
    await world.clock.pass(300);
    await world.leases.sleep();
    await world.clock.pass(3_000);
    deepEqual([desktop.holding, desktop.runs], ['asleep', false], 'no answer and no silence of the first question wakes it');
    world.clock.sleep(10_000);
    world.leases.woke();
    await world.clock.pass(1_500);
    deepEqual([desktop.holding, desktop.runs], ['confirmed', true]);
  });

  test('a departure that was under way goes on with a guest that stands still', async (context) => {
    const world = new World(context);
    const desktop = await world.hold();
    desktop.operation = 'departing';
    await world.leases.sleep();
    world.clock.sleep(10_000);
    world.leases.woke();
    await world.clock.pass(500);
    deepEqual([desktop.holding, desktop.runs], ['confirmed', false]);
    await world.clock.pass(askEveryMs);
    equal(desktop.runs, false, 'whoever captures it lets it run again');
  });
});

type Deed = 'cut' | 'hang' | 'mend' | 'slow' | 'quick' | 'take-over' | 'event' | 'announce' | 'doze' | 'wake' | 'stand' | 'guard-dies' | 'guards-fail' | 'guards-work' | 'pass';
const deeds = ['cut', 'hang', 'mend', 'slow', 'quick', 'take-over', 'event', 'announce', 'doze', 'wake', 'stand', 'guard-dies', 'guards-fail', 'guards-work', 'pass', 'pass', 'pass'] as const satisfies readonly Deed[];

/** A kept and a strict desktop through whatever happens, with a guard that does its part on its own. */
class Trial {
  readonly world: World;
  readonly kept: TestDesktop;
  readonly strict: TestDesktop;
  #taken = false;

  constructor(world: World, kept: TestDesktop, strict: TestDesktop) {
    this.world = world;
    this.kept = kept;
    this.strict = strict;
  }

  async do(deed: Deed, ms: number): Promise<void> {
    const { world, kept, strict } = this;
    const { coordinator, clock, leases } = world;
    switch (deed) {
      case 'cut': coordinator.mood = 'refuses'; break;
      case 'hang': coordinator.mood = 'hangs'; break;
      case 'mend': coordinator.mood = 'answers'; break;
      case 'slow': coordinator.latencyMs = 1_700; break;
      case 'quick': coordinator.latencyMs = 0; break;
      case 'take-over':
        world.takeOver(kept);
        // The coordinator lets nobody have it while its guest may run by right.
        if (!this.#taken && !coordinator.inTerm(strict.record.desktopId)) {
          this.#taken = true;
          world.takeOver(strict);
        }
        break;
      case 'event':
        for (const desktop of [kept, strict]) if (coordinator.over.has(desktop.record.desktopId)) leases.changed(desktop.record.desktopId, { epoch: 6, by: 'laptop-b' });
        break;
      case 'announce': await leases.sleep(); break;
      case 'doze': clock.sleep(ms * 10); break;
      case 'wake': leases.woke(); break;
      case 'stand': clock.stand(ms); break;
      case 'guard-dies': for (const guard of world.guards.values()) guard.alive = false; break;
      case 'guards-fail': world.guardsStart = false; break;
      case 'guards-work': world.guardsStart = true; break;
      case 'pass': await clock.pass(ms, () => this.check()); break;
    }
    // What the machine's own clocks and the guard do before anything else has a turn.
    this.#guard();
    if (deed === 'doze' || deed === 'stand') leases.tick();
    await settle();
    this.#guard();
    this.check();
  }

  #guard(): void {
    const guard = this.world.guards.get(this.strict.record.desktopId);
    const { deadlineMs } = guard ?? { deadlineMs: null };
    if (guard?.alive === true && deadlineMs !== null && this.world.clock.bootMs() >= deadlineMs - guardPauseMs) this.strict.runs = false;
  }

  check(): void {
    const { kept, strict, world } = this;
    for (const desktop of [kept, strict]) {
      const { holding, runs, name } = desktop;
      if (runs) ok(mayRun(holding), `${name} runs in ${holding}`);
      if (holding === 'superseded') equal(world.forks.filter((fork) => fork.name === name).length, 1);
    }
    if (strict.runs) {
      ok(strict.holding === 'confirmed', `strict runs in ${strict.holding}`);
      ok(world.coordinator.inTerm(strict.record.desktopId), 'strict runs past its term');
      ok(!this.#taken, 'strict runs while another host has it');
      const { deadlineMs } = world.guards.get(strict.record.desktopId)!;
      ok(deadlineMs !== null && world.clock.bootMs() < deadlineMs - guardKillMs);
    }
  }

  /** In reach, with a guard and awake again, nothing that is ours stands still for long. */
  async recovers(): Promise<void> {
    const { world } = this;
    for (const deed of ['quick', 'mend', 'guards-work', 'wake', 'event'] as const) await this.do(deed, 0);
    await world.clock.pass(askEveryMs + 5_000, () => this.check());
    for (const desktop of [this.kept, this.strict]) {
      const over = world.coordinator.over.has(desktop.record.desktopId);
      deepEqual([desktop.name, desktop.holding, desktop.runs], [desktop.name, over ? 'superseded' : 'confirmed', !over]);
    }
  }
}

test('whatever happens: nothing runs where it may not, and what may run does so again within a term', { timeout: 110_000 }, async (context) => {
  const step = fc.tuple(fc.constantFrom(...deeds), fc.integer({ min: 100, max: leaseTermMs }));
  await fc.assert(
    fc.asyncProperty(fc.array(step, { minLength: 5, maxLength: 25 }), async (steps) => {
      context.mock.timers.reset();
      const world = new World(context);
      const trial = new Trial(world, await world.hold(), await world.hold('stop'));
      for (const [deed, ms] of steps) await trial.do(deed, ms);
      await trial.recovers();
      for (const desktop of [trial.kept, trial.strict]) world.leases.unwatch(desktop);
    }),
    { numRuns: 60 },
  );
});
