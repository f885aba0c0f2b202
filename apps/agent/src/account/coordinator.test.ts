import { deepEqual, equal, notEqual, ok, rejects } from 'node:assert/strict';
import { createServer, type IncomingMessage, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { after, before, beforeEach, describe, test } from 'node:test';
import { Fault, systemClock, systemRandom } from '@godwit/base';
import { createDevice, cryptoReady } from '@godwit/crypto';
import { Coordinator, mayHaveHappened, OutcomeUnknown } from './coordinator.ts';

describe('a coordinator as a host sees it', { timeout: 30_000 }, () => {
  let server: Server;
  let coordinator: Coordinator;
  let asked: IncomingMessage[] = [];
  /** So many requests lose their connection. */
  let broken = 0;

  before(async () => {
    await cryptoReady();
    server = createServer((request, response) => {
      asked.push(request);
      if (asked.length <= broken) return void request.socket.destroy();
      response.writeHead(200, { 'content-type': 'application/json' }).end(JSON.stringify({ desktops: [] }));
    });
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
    coordinator = new Coordinator({ url, audience: 'here', device: createDevice(systemRandom), clock: systemClock, random: systemRandom });
  });
  after(() => {
    server.close();
    server.closeAllConnections();
  });
  beforeEach(() => {
    [asked, broken] = [[], 0];
  });

  test('is asked once more where a connection broke off under a look, with a signature of its own', async () => {
    broken = 1;
    deepEqual(await coordinator.call('listDesktops', {}), { desktops: [] });
    equal(asked.length, 2);
    const [first, second] = asked.map(({ rawHeaders }) => rawHeaders.join());
    notEqual(first, second);
  });

  test('is asked no third time', async () => {
    broken = 2;
    await rejects(coordinator.call('listDesktops', {}), (error) => error instanceof OutcomeUnknown && error.code === 'COORDINATOR_UNREACHABLE');
    equal(asked.length, 2);
  });

  test('is never asked twice to do something', async () => {
    broken = 1;
    await rejects(coordinator.call('createDesktop', { body: {} } as never), (error) => error instanceof Fault && mayHaveHappened(error));
    equal(asked.length, 1);
  });

  test('that is given no time is not asked again', async () => {
    await rejects(coordinator.call('listDesktops', {}, { timeoutMs: 0 }), OutcomeUnknown);
    ok(asked.length <= 1);
  });
});
