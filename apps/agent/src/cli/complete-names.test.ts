import assert from 'node:assert/strict';
import { mkdtempSync, rmSync } from 'node:fs';
import type { Server } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import { Fault, silentLog } from '@godwit/base';
import { serveControl, type ControlHandlers } from '../daemon/control-server.ts';
import { askNames, namesIn } from './complete-names.ts';

/** Longer than anything here takes; what a person waits at most is in the source. */
const limitMs = 20_000;

describe('names for a completion', () => {
  let home: string;
  let server: Server;
  let answer: (() => Promise<unknown>) | undefined;
  before(async () => {
    home = mkdtempSync(join(tmpdir(), 'godwit-names-'));
    const handlers = new Proxy({}, { get: () => () => answer?.() ?? new Promise(() => undefined) }) as ControlHandlers;
    server = await serveControl(join(home, 'control.sock'), handlers, silentLog);
  });
  after(() => {
    server.close();
    rmSync(home, { recursive: true });
  });

  test('are those that the agent says', async () => {
    answer = () => Promise.resolve({ desktops: [{ name: 'work' }, { name: 'play' }] });
    assert.deepEqual(await askNames(join(home, 'control.sock'), 'desktops', limitMs), ['work', 'play']);
    answer = () => Promise.resolve({ hosts: [{ name: 'laptop-a' }] });
    assert.deepEqual(await askNames(join(home, 'control.sock'), 'hosts', limitMs), ['laptop-a']);
  });

  test('are none where it refuses, does not run, or says nothing in time', async () => {
    answer = () => Promise.reject(new Fault('LOCKED'));
    assert.deepEqual(await askNames(join(home, 'control.sock'), 'desktops', limitMs), []);
    assert.deepEqual(await askNames(join(home, 'nobody.sock'), 'desktops', limitMs), []);
    answer = undefined;
    assert.deepEqual(await askNames(join(home, 'control.sock'), 'desktops', 20), []);
  });

  test('are none that a shell would not take as they stand, and none of what is no answer', () => {
    const line = (...names: unknown[]): string => JSON.stringify({ type: 'result', result: { desktops: names.map((name) => ({ name })) } });
    assert.deepEqual(namesIn(`${JSON.stringify({ type: 'progress' })}\n${line('work', 'a.b-c_1')}\n`, 'desktops'), ['work', 'a.b-c_1']);
    assert.deepEqual(namesIn(line('$(rm -rf x)', '-x', 'a b', '`x`', 7, ''), 'desktops'), []);
    for (const said of ['', 'half a li', '{"type":"fault","fault":{"code":"LOCKED"}}', 'null', '7']) assert.deepEqual(namesIn(said, 'hosts'), []);
  });
});
