import assert from 'node:assert/strict';
import { once } from 'node:events';
import { mkdtemp, rm } from 'node:fs/promises';
import { createServer, type Server, type Socket } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, test } from 'node:test';
import { Fault, type FaultCode } from '@godwit/base';
import { queryMigrate, quit, setMigrationCapabilities, snapshotDisks } from './commands.ts';
import { isObject } from './codec.ts';
import { qmpErrorClass, QmpSession } from './session.ts';

const greeting = '{"QMP": {"version": {"qemu": {"micro": 0, "minor": 2, "major": 7}, "package": ""}, "capabilities": []}}\r\n';
const fails = (code: FaultCode) => (error: unknown): boolean => error instanceof Fault && error.code === code;

const opened: FakeQemu[] = [];

/** The other end: answers `qmp_capabilities`, hands every other command to the test. */
class FakeQemu {
  readonly commands: Record<string, unknown>[] = [];
  readonly server: Server;
  socket: Socket | undefined;
  onCommand: (command: Record<string, unknown>) => void = () => undefined;

  constructor(path: string, { greets = true } = {}) {
    opened.push(this);
    this.server = createServer((socket) => {
      this.socket = socket;
      if (greets) socket.write(greeting);
      socket.on('error', () => undefined);
      socket.on('data', (data) => {
        for (const line of data.toString().trim().split('\n')) this.#take(JSON.parse(line) as unknown);
      });
    }).listen(path);
  }

  send(message: unknown): void {
    this.socket!.write(`${JSON.stringify(message)}\r\n`);
  }

  event(name: string, data: unknown = {}): void {
    this.send({ event: name, data, timestamp: { seconds: 1, microseconds: 500_000 } });
  }

  #take(command: unknown): void {
    assert.ok(isObject(command));
    if (command.execute === 'qmp_capabilities') return this.send({ return: {}, id: command.id });
    this.commands.push(command);
    this.onCommand(command);
  }
}

describe('a QMP session', { timeout: 10_000 }, () => {
  let directory: string;
  let path: string;
  let qemu: FakeQemu;

  beforeEach(async () => {
    directory = await mkdtemp(join(tmpdir(), 'godwit-qmp-'));
    path = join(directory, 'qmp');
  });
  afterEach(async () => {
    for (const end of opened.splice(0)) {
      end.socket?.destroy();
      end.server.close();
    }
    await rm(directory, { recursive: true, force: true });
  });

  async function connected(): Promise<QmpSession> {
    qemu = new FakeQemu(path);
    return QmpSession.connect(path);
  }

  test('waits for a QEMU that is still starting', async () => {
    const session = QmpSession.connect(path);
    setTimeout(() => (qemu = new FakeQemu(path)), 50);
    assert.equal((await session).state, 'ready');
    assert.deepEqual((await session).version, { qemu: { micro: 0, minor: 2, major: 7 }, package: '' });
    (await session).close();
  });

  test('gives up at its deadline, whether nobody listens or nobody greets', async () => {
    await assert.rejects(QmpSession.connect(path, { timeoutMs: 30 }), fails('QMP_UNREACHABLE'));
    qemu = new FakeQemu(path, { greets: false });
    await assert.rejects(QmpSession.connect(path, { timeoutMs: 50 }), fails('QMP_TIMEOUT'));
  });

  test('gives up when the signal fires, before and while it waits', async () => {
    await assert.rejects(QmpSession.connect(path, { signal: AbortSignal.abort() }), fails('CANCELLED'));
    const leave = new AbortController();
    setTimeout(() => leave.abort(new Fault('QMP_DISCONNECTED', { found: 'exit code 1' })), 20);
    await assert.rejects(QmpSession.connect(path, { signal: leave.signal }), fails('QMP_DISCONNECTED'));
    qemu = new FakeQemu(path, { greets: false });
    await assert.rejects(QmpSession.connect(path, { signal: AbortSignal.timeout(20) }), fails('CANCELLED'));
  });

  test('refuses an end that does not speak QMP', async () => {
    qemu = new FakeQemu(path, { greets: false });
    qemu.server.on('connection', (socket) => socket.write('HTTP/1.1 400 Bad Request\r\n'));
    await assert.rejects(QmpSession.connect(path), fails('QMP_PROTOCOL'));
  });

  test('matches answers to commands by id, in any order', async () => {
    const session = await connected();
    const both = [session.execute('first'), session.execute('second', { a: 1 })];
    qemu.onCommand = () => {
      if (qemu.commands.length < 2) return;
      qemu.send({ return: 'two', id: qemu.commands[1]!.id });
      qemu.send({ return: 'one', id: qemu.commands[0]!.id });
    };
    assert.deepEqual(await Promise.all(both), ['one', 'two']);
    assert.deepEqual(qemu.commands[1]!.arguments, { a: 1 });
    session.close();
  });

  test('tells the class and the text of a refusal', async () => {
    const session = await connected();
    qemu.onCommand = ({ id }) => qemu.send({ error: { class: 'DeviceNotFound', desc: "Device 'x' not found\u001b[2J" }, id });
    await assert.rejects(session.execute('blockdev-del'), (error) => {
      assert.ok(error instanceof Fault && error.code === 'QMP_COMMAND_FAILED');
      assert.equal(error.found, "DeviceNotFound: Device 'x' not found\\u{1b}[2J");
      assert.equal(qmpErrorClass(error), 'DeviceNotFound');
      return true;
    });
    assert.equal(session.state, 'ready');
    session.close();
  });

  test('a late answer to a command that timed out is let pass', async () => {
    const session = await connected();
    await assert.rejects(session.execute('slow', undefined, { timeoutMs: 20 }), fails('QMP_TIMEOUT'));
    qemu.send({ return: 'late', id: qemu.commands[0]!.id });
    qemu.onCommand = ({ id }) => qemu.send({ return: 'good', id });
    assert.equal(await session.execute('next'), 'good');
    session.close();
  });

  test('ends everything that waits when QEMU goes away, and refuses new work', async () => {
    const session = await connected();
    const waiting = [session.execute('never'), session.waitFor('NEVER'), session.execute('never', undefined, { timeoutMs: 60_000 })];
    qemu.onCommand = () => qemu.socket!.destroy();
    for (const wait of waiting) await assert.rejects(wait, fails('QMP_DISCONNECTED'));
    assert.equal(session.state, 'closed');
    assert.equal((await session.closed).code, 'QMP_DISCONNECTED');
    await assert.rejects(session.execute('more'), fails('QMP_DISCONNECTED'));
    await assert.rejects(session.waitFor('MORE'), fails('QMP_DISCONNECTED'));
  });

  test('closes on bytes that are no QMP, and says so to who waits', async () => {
    const session = await connected();
    const waiting = session.execute('x');
    qemu.onCommand = () => qemu.socket!.write('garbage\n');
    await assert.rejects(waiting, fails('QMP_PROTOCOL'));
    assert.equal((await session.closed).code, 'QMP_PROTOCOL');
  });

  test('gives events with the times of both clocks', async () => {
    const session = await connected();
    const seen: string[] = [];
    const stop = session.on('*', ({ name }) => seen.push(name));
    const beforeMs = performance.now();
    const wait = session.waitFor('MIGRATION', ({ data }) => data.status === 'completed', { timeoutMs: 5000 });
    qemu.event('STOP');
    qemu.event('MIGRATION', { status: 'active' });
    qemu.event('MIGRATION', { status: 'completed' });
    const event = await wait;
    assert.deepEqual(event.data, { status: 'completed' });
    assert.ok(event.receivedMs >= beforeMs && event.receivedMs <= performance.now());
    assert.equal(event.qemuTimeMs, 1500);
    assert.deepEqual(seen, ['STOP', 'MIGRATION', 'MIGRATION']);
    stop();
    qemu.event('STOP');
    qemu.onCommand = ({ id }) => qemu.send({ return: {}, id });
    await session.execute('fence');
    assert.equal(seen.length, 3);
    session.close();
  });

  test('waiting for an event has a limit, a signal and a predicate that may throw', async () => {
    const session = await connected();
    await assert.rejects(session.waitFor('NEVER', undefined, { timeoutMs: 10 }), fails('QMP_TIMEOUT'));
    await assert.rejects(session.waitFor('NEVER', undefined, { signal: AbortSignal.timeout(10) }), fails('CANCELLED'));
    await assert.rejects(session.waitFor('NEVER', undefined, { signal: AbortSignal.abort() }), fails('CANCELLED'));
    const throwing = session.waitFor('X', () => { throw new Fault('MIGRATION_CORRUPT'); });
    qemu.event('X');
    await assert.rejects(throwing, fails('MIGRATION_CORRUPT'));
    assert.equal(session.state, 'ready');
    session.close();
  });

  test('quit is done when QEMU is gone, answered or not', async () => {
    const session = await connected();
    qemu.onCommand = () => qemu.socket!.destroy();
    await quit(session);
    assert.equal(session.state, 'closed');
  });

  test('the commands say what QEMU wants to hear', async () => {
    const session = await connected();
    qemu.onCommand = ({ id }) => qemu.send({ return: {}, id });
    await setMigrationCapabilities(session, ['events', 'postcopy-ram'], ['background-snapshot']);
    await snapshotDisks(session, []);
    await snapshotDisks(session, [{ node: 'disk0', overlay: 'next0' }]);
    assert.equal((await queryMigrate(session)).status, 'none');
    assert.deepEqual(qemu.commands.map((command) => [command.execute, command.arguments]), [
      ['migrate-set-capabilities', { capabilities: [{ capability: 'background-snapshot', state: false }, { capability: 'events', state: true }, { capability: 'postcopy-ram', state: true }] }],
      ['transaction', { actions: [{ type: 'blockdev-snapshot', data: { node: 'disk0', overlay: 'next0' } }] }],
      ['query-migrate', undefined],
    ]);
    session.close();
    await once(qemu.socket!, 'close');
  });
});
