import assert from 'node:assert/strict';
import { mkdtempSync, rmSync } from 'node:fs';
import { createServer, type Server, type Socket } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { silentLog } from '@godwit/base';
import { QmpSession } from '@godwit/qemu';
import { MigrationWatch, type MemoryLook } from './watch-migration.ts';

const greeting = '{"QMP": {"version": {"qemu": {"micro": 0, "minor": 2, "major": 7}, "package": ""}, "capabilities": []}}\r\n';

interface Command {
  readonly execute: string;
  readonly arguments?: Readonly<Record<string, unknown>>;
  readonly id: unknown;
}

/** A QEMU that migrates as it is told to: each `query-migrate` gets the next of `looks`, the last one again and again. */
class ScriptedQemu {
  readonly set: Readonly<Record<string, unknown>>[] = [];
  asked = 0;
  looks: unknown[] = [];
  readonly #server: Server;
  #socket: Socket | undefined;

  constructor(path: string) {
    this.#server = createServer((socket) => {
      this.#socket = socket;
      socket.on('error', () => undefined);
      socket.write(greeting);
      socket.on('data', (data) => {
        for (const line of data.toString().trim().split('\n')) this.#answer(JSON.parse(line) as Command);
      });
    }).listen(path);
  }

  event(name: string): void {
    this.#socket!.write(`${JSON.stringify({ event: name, data: {}, timestamp: { seconds: 1, microseconds: 0 } })}\r\n`);
  }

  close(): void {
    this.#socket?.destroy();
    this.#server.close();
  }

  #answer({ execute, arguments: args = {}, id }: Command): void {
    if (execute === 'migrate-set-parameters') this.set.push(args);
    const look = execute === 'query-migrate' ? this.looks[Math.min(this.asked++, this.looks.length - 1)] : {};
    this.#socket!.write(`${JSON.stringify(look === 'error' ? { error: { class: 'GenericError', desc: 'no' }, id } : { return: look, id })}\r\n`);
  }
}

const ram = (round: number, remaining: number, transferred: number, pages = 0): unknown => ({
  status: 'active',
  ram: { remaining, transferred, duplicate: pages, normal: 2 * pages, 'page-size': 4096, 'dirty-sync-count': round, total: 2 ** 30 },
});

describe('the watch of a migration', { timeout: 20_000 }, () => {
  let directory: string;
  let qemu: ScriptedQemu;
  let qmp: QmpSession;
  let nowMs: number;
  let looked: MemoryLook[];
  let stops: number;

  beforeEach(async () => {
    directory = mkdtempSync(join(tmpdir(), 'godwit-watch-'));
    qemu = new ScriptedQemu(join(directory, 'qmp'));
    qmp = await QmpSession.connect(join(directory, 'qmp'));
    nowMs = 0;
    looked = [];
    stops = 0;
  });
  afterEach(() => {
    qmp.close();
    qemu.close();
    rmSync(directory, { recursive: true });
  });

  // Each look is a second later: on a machine that is slow, too.
  const clock = { wallMs: () => nowMs, bootMs: () => nowMs, workMs: () => (nowMs += 1_000) };
  const watchOf = (paced: boolean): MigrationWatch => new MigrationWatch({ clock, log: silentLog, paced, onLook: (look) => looked.push(look), onStop: () => (stops += 1) });

  async function through(watch: MigrationWatch, looks: unknown[]): Promise<void> {
    qemu.looks = looks;
    watch.begin(qmp);
    while (qemu.asked <= looks.length) await sleep(20);
    watch.end();
  }

  test('keeps the pace: a cap in later rounds, then a pause as long as it takes, once', async () => {
    const watch = watchOf(true);
    assert.equal(watch.downtimeLimitMs, 300);
    await through(watch, [ram(1, 2 ** 30, 0), ram(1, 2 ** 29, 50e6), ram(2, 100e6, 100e6), ram(2, 60e6, 150e6), ram(3, 14e6, 200e6), ram(3, 13e6, 200e6)]);
    assert.deepEqual(qemu.set, [{ 'max-bandwidth': 62_500_000 }, { 'max-bandwidth': 0, 'downtime-limit': 2_000_000 }]);
  });

  test('under software emulation sets nothing, and tells how far it is all the same', async () => {
    const watch = watchOf(false);
    assert.equal(watch.downtimeLimitMs, undefined);
    await through(watch, [ram(1, 1000, 0, 1), ram(2, 10, 50e6, 2), ram(3, 0, 100e6, 3)]);
    assert.deepEqual(qemu.set, []);
    assert.deepEqual(looked.slice(0, 3), [{ scannedBytes: 3 * 4096, leftBytes: 1000 }, { scannedBytes: 6 * 4096, leftBytes: 10 }, { scannedBytes: 9 * 4096, leftBytes: 0 }]);
  });

  test('a look that fails, or that says nothing, is one less', async () => {
    await through(watchOf(true), [{}, { status: 'setup' }, 'error', { status: 'active', ram: { remaining: 'much' } }, ram(1, 7, 0)]);
    assert.deepEqual([...new Set(looked.map(({ leftBytes }) => leftBytes))], [7]);
  });

  test('tells when the guest stops, and is silent after its end', async () => {
    const watch = watchOf(true);
    await through(watch, [ram(1, 7, 0)]);
    const before = looked.length;
    qemu.event('STOP');
    await sleep(300);
    assert.deepEqual([stops, looked.length], [0, before]);
    watch.begin(qmp);
    qemu.event('STOP');
    await qmp.waitFor('STOP', () => true);
    assert.equal(stops, 1);
    watch.end();
  });
});
