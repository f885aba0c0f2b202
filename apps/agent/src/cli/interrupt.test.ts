import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, rmSync } from 'node:fs';
import type { Server } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { text } from 'node:stream/consumers';
import { afterEach, beforeEach, describe, test } from 'node:test';
import { Fault, silentLog } from '@godwit/base';
import type { ControlCommand } from '@godwit/wire';
import { serveControl, type ControlHandlers } from '../daemon/control-server.ts';

const program = join(import.meta.dirname, 'main.js');
const progress = { phase: 'upload', doneBytes: 1, totalBytes: null, bytesPerSecond: null, leftMs: null, elapsedMs: 2, say: null };

/** The real command line, and an agent that does as the test says. */
describe('Ctrl-C', { timeout: 30_000 }, () => {
  let home: string;
  let server: Server;

  beforeEach(() => void (home = mkdtempSync(join(tmpdir(), 'godwit-int-'))));
  afterEach(async () => {
    await new Promise((resolve) => server.close(resolve));
    rmSync(home, { recursive: true });
  });

  /** Runs `godwit words`; a SIGINT each time that the agent says something. */
  async function interrupted(words: readonly string[], handlers: Partial<ControlHandlers>): Promise<{ exitCode: number | null; signal: string | null; stdout: string; stderr: string }> {
    const missing = new Proxy(handlers, { get: (target, command) => target[command as ControlCommand] ?? (() => Promise.reject(new Error(`not expected: ${String(command)}`))) }) as ControlHandlers;
    server = await serveControl(join(home, 'control.sock'), missing, silentLog);
    const child = spawn(process.execPath, [program, ...words], { env: { ...process.env, GODWIT_HOME: home }, stdio: ['ignore', 'pipe', 'pipe'] });
    interrupt = (signal = 'SIGINT') => child.kill(signal);
    const [[exitCode, signal], stdout, stderr] = await Promise.all([once(child, 'close') as Promise<[number | null, string | null]>, text(child.stdout), text(child.stderr)]);
    return { exitCode, signal, stdout, stderr };
  }
  let interrupt: (signal?: NodeJS.Signals) => boolean;

  const calledOff = (signal: AbortSignal): Promise<void> => new Promise((resolve) => signal.addEventListener('abort', () => resolve()));
  const rolledBack = new Fault('CANCELLED', { subject: 'work', found: 'rolled back: work runs on here' });

  test('calls a suspend off, waits for the outcome, and says what stays', async () => {
    const { exitCode, stdout, stderr } = await interrupted(['suspend', 'work'], {
      suspend: async (_args, report, signal) => {
        report(progress);
        setImmediate(() => interrupt());
        await calledOff(signal);
        throw rolledBack;
      },
    });
    assert.deepEqual([exitCode, stdout], [130, '']);
    assert.equal(stderr, 'calling it off; Ctrl-C again leaves it to the agent\ngodwit: rolled back: work runs on here\n');
  });

  test('with --json says it as one document', async () => {
    const { exitCode, stdout } = await interrupted(['resume', 'work', '--json'], {
      resume: async (_args, _report, signal) => {
        setImmediate(() => interrupt());
        await calledOff(signal);
        throw rolledBack;
      },
    });
    const { error } = JSON.parse(stdout) as { error: { code: string; found: string } };
    assert.deepEqual([exitCode, error.code, error.found], [130, 'CANCELLED', 'rolled back: work runs on here']);
  });

  test('a second one leaves, with the exit code of an outcome that is not known, and says where the agent is', async () => {
    const ended = Promise.withResolvers<undefined>();
    const { exitCode, stderr } = await interrupted(['suspend', 'work'], {
      suspend: async (_args, report, signal) => {
        report(progress);
        setImmediate(() => interrupt());
        await calledOff(signal);
        report({ ...progress, phase: 'commit', say: 'it is being committed; the outcome follows' });
        const again = setInterval(() => interrupt(), 200);
        await ended.promise;
        clearInterval(again);
        throw rolledBack;
      },
    }).finally(() => ended.resolve(undefined));
    assert.equal(exitCode, 6);
    assert.match(stderr, /it is being committed; the outcome follows\ngodwit: error: you left before the agent had ended it: found the agent in phase commit \[CALLER_LEFT\]\ngodwit: hint: the agent goes on with it/);
  });

  test('SIGTERM leaves at once, says where the agent is, and ends with what shells say of it', async () => {
    const ended = Promise.withResolvers<undefined>();
    const { exitCode, stderr } = await interrupted(['suspend', 'work'], {
      suspend: async (_args, report) => {
        report({ ...progress, say: 'it goes on' });
        setImmediate(() => interrupt('SIGTERM'));
        await ended.promise;
        throw rolledBack;
      },
    }).finally(() => ended.resolve(undefined));
    assert.equal(exitCode, 143);
    assert.match(stderr, /^it goes on\ngodwit: error: you left before the agent had ended it: found the agent in phase upload \[CALLER_LEFT\]\n/);
  });

  test('ends the command line, and nothing else, where there is nothing to undo', async () => {
    let aborted = false;
    const ended = Promise.withResolvers<undefined>();
    const { exitCode, signal } = await interrupted(['hosts'], {
      hosts: async (_args, _report, called) => {
        called.addEventListener('abort', () => (aborted = true));
        setImmediate(() => interrupt());
        await ended.promise;
        return { hosts: [] };
      },
    }).finally(() => ended.resolve(undefined));
    assert.deepEqual([exitCode, signal, aborted], [null, 'SIGINT', false]);
  });
});
