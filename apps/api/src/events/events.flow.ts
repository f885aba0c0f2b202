import { deepEqual, equal } from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import type { WebSocket } from 'ws';
import { systemRandom } from '@godwit/base';
import { createDevice, newAccountKey, signRevoke } from '@godwit/crypto';
import { closeCodes, textOf, type Problem } from '@godwit/wire';
import { TestClient } from '../testing/client.ts';
import { EventListener, openEvents } from '../testing/event-listener.ts';
import { addHost, chainOf, createDesktop, enrol, grantsAfter, raiseStage, type Person, type Stage } from '../testing/stage.ts';

describe('the event stream', () => {
  let stage: Stage;
  let person: Person;

  before(async () => {
    stage = await raiseStage();
    person = await enrol(stage.coordinator);
  });
  after(() => stage[Symbol.asyncDispose]());

  const open = (headers: Record<string, string>, path?: string): WebSocket => openEvents(stage.coordinator, headers, path);
  const listen = (client: TestClient): WebSocket => open(client.headers('GET', '/v1/events', ''));

  /** What the upgrade request was answered with, when it was not accepted. */
  const refusal = (socket: WebSocket): Promise<[number | undefined, string]> =>
    new Promise((resolve, reject) => {
      socket.on('open', () => reject(new Error('it was accepted')));
      socket.on('error', () => undefined);
      socket.on('unexpected-response', (_request, response) => {
        let text = '';
        response.setEncoding('utf8').on('data', (piece: string) => (text += piece));
        response.on('end', () => resolve([response.statusCode, (JSON.parse(text) as Problem).code]));
      });
    });

  test('tells the account what happens to its desktops and hosts, and nobody else', async () => {
    const socket = listen(person.client);
    const messages = new EventListener(socket);
    equal((await messages.until('hello')).type, 'hello');
    const stranger = await enrol(stage.coordinator, 'other');
    const theirs = listen(stranger.client);
    const theirMessages = new EventListener(theirs);
    await theirMessages.until('hello');
    const desktopId = await createDesktop(person.client, 'work');
    const changed = await messages.until('desktop-changed');
    deepEqual(changed, { type: 'desktop-changed', desktopId, name: 'work', owner: { hostId: person.client.device.hostId, name: 'laptop-a' }, epoch: 1, head: null });
    await addHost(person, stage.coordinator, 'laptop-b');
    equal((await messages.until('host-joined')).type, 'host-joined');
    deepEqual(theirMessages.seen.map(({ type }) => type), ['hello']);
    socket.terminate();
    theirs.terminate();
  });

  test('is refused at the handshake without a signature of a current host, or from a page', async () => {
    const signed = person.client.headers('GET', '/v1/events', '');
    deepEqual(await refusal(open({})), [401, 'REQUEST_UNSIGNED']);
    deepEqual(await refusal(open({ ...signed, origin: 'https://example.org' })), [401, 'REQUEST_UNSIGNED']);
    deepEqual(await refusal(open({ ...signed, 'godwit-signature': 'ab'.repeat(64) })), [401, 'REQUEST_SIGNATURE_REFUSED']);
    deepEqual(await refusal(listen(new TestClient(stage.coordinator, createDevice(systemRandom)))), [401, 'HOST_UNKNOWN']);
    deepEqual(await refusal(open(person.client.headers('GET', '/v1/hosts', ''), '/v1/hosts')), [404, 'ROUTE_NOT_FOUND']);
    const socket = open(signed);
    await new Promise((resolve) => socket.once('open', resolve));
    deepEqual(await refusal(open(signed)), [401, 'REQUEST_REPLAYED']);
    socket.terminate();
  });

  test('a client that talks is cut, a revoked one at once', async () => {
    const b = await addHost(person, stage.coordinator, 'laptop-x');
    const closed = (socket: WebSocket): Promise<number> => new Promise((resolve) => socket.once('close', resolve));
    const talker = listen(b);
    await new Promise((resolve) => talker.once('open', resolve));
    talker.send('hello');
    equal(await closed(talker), closeCodes.notAllowed);
    const listener = listen(b);
    await new EventListener(listener).until('hello');
    const state = await chainOf(person.client);
    const entry = signRevoke(state, { subject: b.device.hostId, accountKey: newAccountKey(systemRandom), signer: person.client.device, createdMs: 1 });
    await person.client.ask('appendChain', { body: { expectedLength: state.length, entry: textOf(entry), grants: grantsAfter(state, b.device.hostId) } });
    equal(await closed(listener), closeCodes.revoked);
  });
});
