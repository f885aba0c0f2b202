import { deepEqual } from 'node:assert/strict';
import { test, type TestContext } from 'node:test';
import { newId, systemRandom, type DesktopId } from '@godwit/base';
import type { Coordinator } from '../account/coordinator.ts';
import { TestClock } from '../lease/testing/world.ts';
import { readReach } from './reach.ts';

/** Asks about a holder heard of so long ago, whose stream opens after so long; what came of it, and how often it took asking. */
async function reach(context: TestContext, heardMs: number | null, backAfterMs: number): Promise<{ inReach: boolean; asked: number }> {
  const clock = new TestClock(context);
  const startedMs = clock.bootMs();
  let asked = 0;
  const call = (() => {
    asked += 1;
    return Promise.resolve({ inReach: clock.bootMs() - startedMs >= backAfterMs, lastContactMs: heardMs === null ? null : clock.wallMs() - heardMs });
  }) as unknown as Coordinator['call'];
  const looking = readReach({ coordinator: { call }, clock }, newId<DesktopId>(systemRandom));
  // More than it ever waits.
  await clock.pass(6_000);
  context.mock.timers.reset();
  return { inReach: (await looking).inReach, asked };
}

test('a holder between two streams is waited for; one that is gone, or was never heard of, is not', async (context) => {
  deepEqual(await reach(context, 1_000, 0), { inReach: true, asked: 1 });
  deepEqual(await reach(context, 1_000, 900), { inReach: true, asked: 5 });
  deepEqual(await reach(context, 1_000, 60_000), { inReach: false, asked: 21 });
  deepEqual(await reach(context, 60_000, 900), { inReach: false, asked: 1 });
  deepEqual(await reach(context, null, 900), { inReach: false, asked: 1 });
});
