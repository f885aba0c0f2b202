import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { existsSync, mkdtempSync, readdirSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { connect, createServer, type Server } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, test } from 'node:test';
import { setTimeout } from 'node:timers/promises';
import { Fault, jsonLog, silentLog } from '@godwit/base';
import { controlLineBytesMax, type ControlCommand, type ControlReply } from '@godwit/wire';
import { askAgent } from './control-client.ts';
import { serveControl, type ControlHandlers } from './control-server.ts';

const progress = { phase: 'capture', doneBytes: 1, totalBytes: null, bytesPerSecond: null, leftMs: null, elapsedMs: 2, say: null };
const summary = { accountId: 'aa'.repeat(16), hostId: 'bb'.repeat(16), hostName: 'laptop-a', coordinator: 'http://127.0.0.1:1', fingerprint: 'f' };

/** Handlers of which only those given are there; the others fail the test as an unexpected error. */
function handlersWith(given: Partial<ControlHandlers>): ControlHandlers {
  return new Proxy(given as ControlHandlers, {
    get: (target, command) => (command in target ? target[command as ControlCommand] : () => Promise.reject(new Error(`not expected: ${String(command)}`))),
  });
}

describe('the control socket', () => {
  let directory = '';
  let path = '';
  let server: Server | undefined;

  beforeEach(() => {
    directory = mkdtempSync(join(tmpdir(), 'godwit-control-'));
    path = join(directory, 'control.sock');
  });
  afterEach(async () => {
    await new Promise<unknown>((resolve) => (server === undefined ? resolve(undefined) : server.close(resolve)));
    server = undefined;
    rmSync(directory, { recursive: true });
  });

  async function serve(given: Partial<ControlHandlers>, log = silentLog): Promise<void> {
    server = await serveControl(path, handlersWith(given), log);
  }

  /** Sends `pieces` as they are and gives all replies until the agent hangs up. */
  function exchange(...pieces: readonly (string | Buffer)[]): Promise<ControlReply[]> {
    return new Promise((resolve, reject) => {
      const said: Buffer[] = [];
      const socket = connect(path, () => void (async () => {
        for (const piece of pieces) {
          socket.write(piece);
          await setTimeout(5); // So that the agent reads it by itself.
        }
      })());
      socket.on('data', (chunk: Buffer) => said.push(chunk));
      socket.once('error', reject);
      socket.once('close', () => resolve(Buffer.concat(said).toString().split('\n').slice(0, -1).map((line) => JSON.parse(line) as ControlReply)));
    });
  }

  async function refusal(...pieces: readonly (string | Buffer)[]): Promise<{ code: string; message: string; hint: string; found?: string | undefined; subject?: string | undefined }> {
    const replies = await exchange(...pieces);
    assert.deepEqual(replies.map(({ type }) => type), ['fault']);
    const [reply] = replies;
    assert.ok(reply?.type === 'fault');
    return reply.fault;
  }

  test('is its user\'s only, and leaves the mask of the process as it was', async () => {
    const serving = serve({});
    // Whoever makes a file in the meantime makes it as ever.
    const meanwhile = join(directory, 'meanwhile');
    writeFileSync(meanwhile, '', { mode: 0o711 });
    assert.equal(statSync(meanwhile).mode & 0o100, 0o100);
    await serving;
    assert.equal(statSync(path).mode & 0o777, 0o600);
  });

  test('reports progress, then the result, then hangs up', async () => {
    await serve({
      hosts: async (_args, report) => {
        report(progress);
        return { hosts: [] };
      },
    });
    assert.deepEqual(await exchange('{"command":"hosts","argum', 'ents":{}}\n'), [{ type: 'progress', progress }, { type: 'result', result: { hosts: [] } }]);
    const seen: unknown[] = [];
    assert.deepEqual(await askAgent(path, 'hosts', {}, (each) => seen.push(each)), { hosts: [] });
    assert.deepEqual(seen, [progress]);
  });

  test('answers one command per connection', async () => {
    let calls = 0;
    await serve({
      hosts: async () => {
        calls += 1;
        await setTimeout(40);
        return { hosts: [] };
      },
    });
    const line = '{"command":"hosts","arguments":{}}\n';
    assert.equal((await exchange(line + line, line)).length, 1);
    assert.equal(calls, 1);
  });

  for (const line of ['nonsense', '', '[]', 'null', '3', '{}', '{"command":3,"arguments":{}}', '{"command":"dance","arguments":{}}', '{"command":"toString","arguments":{}}', '{"command":"__proto__","arguments":{}}', `{"command":"${'x'.repeat(33)}","arguments":{}}`, '{"command":"start"}']) {
    test(`${JSON.stringify(line)} is no request`, async () => {
      await serve({});
      assert.equal((await refusal(`${line}\n`)).code, 'CONTROL_REQUEST_INVALID');
    });
  }

  test('arguments that are wrong are named, and reach no handler', async () => {
    await serve({});
    const { code, subject } = await refusal('{"command":"start","arguments":{"name":"../etc"}}\n');
    assert.deepEqual([code, subject], ['ARGUMENT_INVALID', 'name']);
    await assert.rejects(askAgent(path, 'start', { name: ' ' }, () => undefined), { code: 'ARGUMENT_INVALID', subject: 'name' });
  });

  test('a line without end is refused, and what still comes does not cost the answer', async () => {
    await serve({});
    const pieces = Array.from({ length: 8 }, () => Buffer.alloc(controlLineBytesMax / 4, 0x20));
    assert.equal((await refusal(...pieces)).code, 'CONTROL_LINE_TOO_LONG');
  });

  test('the fault of a handler arrives as it was thrown', async () => {
    const fault = new Fault('DESKTOP_BUSY', { subject: 'work', found: 'departing', hint: 'have a coffee', cause: new Error('inner') });
    await serve({ suspend: () => Promise.reject(fault) });
    const { hint } = await refusal('{"command":"suspend","arguments":{"name":"work"}}\n');
    assert.equal(hint, 'have a coffee');
    await assert.rejects(askAgent(path, 'suspend', { name: 'work' }, () => undefined), (error) => {
      assert.ok(error instanceof Fault);
      assert.deepEqual(error.toJSON(), fault.toJSON());
      return true;
    });
  });

  test('an error that nobody expected is logged, and arrives as INTERNAL without its text', async () => {
    const lines: string[] = [];
    await serve({ hosts: () => Promise.reject(new TypeError('key 00ff')) }, jsonLog((line) => lines.push(line)));
    const fault = await refusal('{"command":"hosts","arguments":{}}\n');
    assert.deepEqual([fault.code, fault.found], ['INTERNAL', 'TypeError']);
    assert.doesNotMatch(JSON.stringify(fault), /00ff/);
    assert.match(lines.join(''), /"event":"command-failed".*key 00ff/);
  });

  test('a handler that throws at once, and a result that cannot be sent, are INTERNAL too', async () => {
    await serve({
      hosts: () => { throw new TypeError('at once'); },
      join: async () => ({ ...summary, fingerprint: 1n as unknown as string, done: true }),
    });
    assert.equal((await refusal('{"command":"hosts","arguments":{}}\n')).code, 'INTERNAL');
    assert.equal((await refusal('{"command":"join","arguments":{"coordinator":"http://127.0.0.1:1","hostName":"a","passphrase":null,"account":null,"confirmed":true}}\n')).code, 'INTERNAL');
  });

  test('a command goes on when the one who gave it goes away', async () => {
    const began = Promise.withResolvers<undefined>();
    const goOn = Promise.withResolvers<undefined>();
    const done = Promise.withResolvers<undefined>();
    await serve({
      hosts: async (_args, report) => {
        began.resolve(undefined);
        await goOn.promise;
        report(progress);
        done.resolve(undefined);
        return { hosts: [] };
      },
    });
    const socket = connect(path, () => socket.write('{"command":"hosts","arguments":{}}\n'));
    await began.promise;
    socket.destroy();
    goOn.resolve(undefined);
    await done.promise;
    assert.equal((await refusal('{}\n')).code, 'CONTROL_REQUEST_INVALID');
  });

  test('a command is called off by a second line, and only by one that says so', async () => {
    const reasons: Fault[] = [];
    await serve({
      hosts: (_args, _report, signal) => new Promise((resolve, reject) => {
        signal.addEventListener('abort', () => {
          reasons.push(signal.reason as Fault);
          reject(new Fault('CANCELLED', { found: 'nothing was done' }));
        });
        void setTimeout(100).then(() => resolve({ hosts: [] }));
      }),
    });
    const request = '{"command":"hosts","arguments":{}}\n';
    for (const other of ['nonsense\n', '{"cancel":false}\n', '{"cancel":true,"more":1}\n', request, '{"cancel":true}']) {
      assert.deepEqual((await exchange(request, other)).map(({ type }) => type), ['result'], other);
    }
    assert.deepEqual(reasons, []);
    // In a piece of its own, with the request, and in two pieces.
    for (const pieces of [[request, '{"cancel":true}\n'], [`${request}{"cancel":true}\n`], [request, '{"can', 'cel":true}\n']]) {
      const [reply] = await exchange(...pieces);
      assert.ok(reply?.type === 'fault');
      assert.deepEqual([reply.fault.code, reply.fault.found], ['CANCELLED', 'nothing was done']);
    }
    assert.ok(reasons.length === 3 && reasons.every(({ code }) => code === 'CANCELLED'));
  });

  test('a cancel before any request is none, and one after the answer costs nobody anything', async () => {
    await serve({ hosts: async () => ({ hosts: [] }) });
    assert.equal((await refusal('{"cancel":true}\n')).code, 'CONTROL_REQUEST_INVALID');
    assert.deepEqual((await exchange('{"command":"hosts","arguments":{}}\n', '{"cancel":true}\n')).map(({ type }) => type), ['result']);
  });

  test('the CLI calls off what it asked for, waits for the outcome, and leaves when it is told to', async () => {
    let called = 0;
    const called2 = Promise.withResolvers<undefined>();
    await serve({
      hosts: (_args, report, signal) => new Promise((_resolve, reject) => {
        signal.addEventListener('abort', () => {
          called += 1;
          if (called === 1) reject(new Fault('CANCELLED', { found: 'nothing was done' }));
          else called2.resolve(undefined);
        });
        report(progress);
      }),
    });
    const cancel = new AbortController();
    const leave = new AbortController();
    const thoughts = { cancel: cancel.signal, leave: leave.signal };
    await assert.rejects(askAgent(path, 'hosts', {}, () => cancel.abort(), thoughts), { code: 'CANCELLED', found: 'nothing was done' });
    const again = new AbortController();
    const asking = askAgent(path, 'hosts', {}, () => again.abort(), { cancel: again.signal, leave: leave.signal });
    await called2.promise;
    leave.abort(new Fault('CALLER_LEFT'));
    await assert.rejects(asking, { code: 'CALLER_LEFT' });
    // Before there is a connection: the request still comes first.
    const early = new AbortController();
    const asked = askAgent(path, 'hosts', {}, () => undefined, { cancel: early.signal, leave: new AbortController().signal });
    early.abort();
    called = 0;
    await assert.rejects(asked, { code: 'CANCELLED', found: 'nothing was done' });
  });

  test('a stale socket is replaced', async () => {
    const left = spawnSync(process.execPath, ['-e', `require('node:net').createServer().listen(${JSON.stringify(path)}, () => process.kill(process.pid, 'SIGKILL'))`], { timeout: 10_000 });
    assert.equal(left.signal, 'SIGKILL');
    assert.ok(existsSync(path));
    await serve({ hosts: async () => ({ hosts: [] }) });
    assert.equal((await exchange('{"command":"hosts","arguments":{}}\n')).length, 1);
  });

  test('a live one is not', async () => {
    await serve({ hosts: async () => ({ hosts: [] }) });
    await assert.rejects(serveControl(path, handlersWith({}), silentLog), { code: 'AGENT_RUNS_ALREADY', subject: path });
    assert.equal((await exchange('{"command":"hosts","arguments":{}}\n')).length, 1);
  });

  test('nor is a file that is no socket', async () => {
    writeFileSync(path, 'kept');
    await assert.rejects(serveControl(path, handlersWith({}), silentLog), { code: 'HOME_UNUSABLE' });
    assert.deepEqual(readdirSync(directory), ['control.sock']);
  });

  test('the CLI says when no agent answers, and when it went away before it did', async () => {
    await assert.rejects(askAgent(path, 'hosts', {}, () => undefined), { code: 'AGENT_UNREACHABLE', subject: path });
    server = createServer((socket) => socket.once('data', () => socket.end()));
    await new Promise<void>((resolve) => server!.listen(path, resolve));
    await assert.rejects(askAgent(path, 'hosts', {}, () => undefined), { code: 'AGENT_LOST' });
  });

  const unreadable: [string, string][] = [['nonsense\n', 'AGENT_LOST'], ['{"type":"dance"}\n', 'AGENT_LOST'], ['{"type":"result","result":{"hosts":1}}\n', 'AGENT_LOST'], ['a'.repeat(controlLineBytesMax + 1), 'CONTROL_LINE_TOO_LONG']];
  for (const [said, code] of unreadable) {
    test(`the CLI ends with ${code} on an answer such as ${said.slice(0, 40).trim()}`, async () => {
      server = createServer((socket) => socket.on('error', () => undefined).once('data', () => socket.end(said)));
      await new Promise<void>((resolve) => server!.listen(path, resolve));
      await assert.rejects(askAgent(path, 'hosts', {}, () => undefined), { name: 'Fault', code });
    });
  }
});
