import { equal } from 'node:assert/strict';
import { once } from 'node:events';
import { test } from 'node:test';
import { routes, type Problem } from '@godwit/wire';
import { EventListener, openEvents } from '../testing/event-listener.ts';
import { enrol, raiseStage } from '../testing/stage.ts';

test('a coordinator that is about to stop says so, serves on, takes no new streams, and asks those it has to connect again', async () => {
  const stage = await raiseStage();
  const { coordinator } = stage;
  const { client } = await enrol(coordinator);
  const readiness = async (): Promise<[number, string | undefined]> => {
    const response = await fetch(`${coordinator.url}${routes.readyz.path}`);
    return [response.status, ((await response.json()) as Partial<Problem>).code];
  };
  equal((await readiness())[0], 200);
  const stream = await EventListener.open(coordinator, client);
  equal((await client.send('listHosts')).headers.get('connection'), 'keep-alive');

  const hurry = Promise.withResolvers<undefined>();
  const drained = coordinator.drain(3_600_000, hurry.promise);
  equal((await readiness()).join(' '), '503 COORDINATOR_STOPPING');
  const answer = await client.send('listHosts');
  equal(answer.status, 200);
  equal(answer.headers.get('connection'), 'close');
  const late = openEvents(coordinator, client.headers('GET', routes.events.path, ''));
  late.on('error', () => undefined);
  const [, refused] = (await once(late, 'unexpected-response')) as [unknown, { statusCode: number }];
  equal(refused.statusCode, 503);
  late.terminate();
  equal(stream.socket.readyState, stream.socket.OPEN, 'who listens goes on listening');

  hurry.resolve(undefined);
  await drained;
  const closed = once(stream.socket, 'close');
  await stage[Symbol.asyncDispose]();
  equal((await closed)[0], 1012);
});
