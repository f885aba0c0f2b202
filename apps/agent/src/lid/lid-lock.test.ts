import { deepEqual, equal, match, ok, rejects } from 'node:assert/strict';
import { existsSync, mkdtempSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { Fault, jsonLog, silentLog } from '@godwit/base';
import type { ControlResult } from '@godwit/wire';
import type { Happening } from '../notify/notice.ts';
import { attended } from './attended.ts';
import { lidCapMs, LidLock, lidProgram } from './lid-lock.ts';

let directory: string;
let lock: string;
before(() => {
  directory = mkdtempSync('/tmp/godwit-lid-');
  lock = join(directory, 'lock');
});
after(() => rmSync(directory, { recursive: true }));

const until = async (what: () => boolean): Promise<void> => {
  while (!what()) await new Promise((resolve) => setTimeout(resolve, 10));
};
/** As systemd-inhibit: holds something for as long as its `cat` runs, and ends it when it is told to end. */
const standIn = (): [string, ...string[]] => ['sh', '-c', `trap 'rm -f ${lock}' EXIT; trap 'exit 0' TERM; touch ${lock}; cat`];

test('held while a departure runs, and let go at its end, whether that is good or not', { timeout: 20_000 }, async () => {
  const lid = new LidLock({ log: silentLog, program: standIn });
  const told: Happening[] = [];
  const notices = { tell: (happening: Happening): number => told.push(happening) };
  const desktop = { name: 'work', commitPending: false, mayRun: true, machine: {} };
  const safe = { safe: true, sequence: 3 } as ControlResult<'suspend'>;
  const whileHeld = <Result>(end: () => Result): (() => Promise<Result>) => async () => {
    await until(() => existsSync(lock));
    return end();
  };
  equal(await attended({ lid, notices }, desktop, whileHeld(() => safe)), safe);
  await until(() => !existsSync(lock));
  const failing = (fault: Fault): Promise<unknown> => rejects(attended({ lid, notices }, desktop, whileHeld(() => {
    throw fault;
  })), { code: fault.code });
  await failing(new Fault('STORE_UNAVAILABLE'));
  await until(() => !existsSync(lock));
  await failing(new Fault('CANCELLED'));
  await until(() => !existsSync(lock));
  await attended({ lid, notices }, desktop, () => Promise.resolve({ safe: false, reason: 'no coordinator' } as ControlResult<'suspend'>));
  deepEqual(told.map(({ kind }) => kind), ['safe', 'not-suspended', 'saved-here'], 'whoever calls it off knows');
  equal(lid.refusal, undefined);
});

test('let go when its time is over, and its person is told; the departure goes on', { timeout: 20_000 }, async () => {
  const lines: string[] = [];
  const lid = new LidLock({ log: jsonLog((line) => lines.push(line)), program: standIn, capMs: 1_000 });
  let capped = 0;
  const letGo = lid.hold('work', () => (capped += 1));
  await until(() => existsSync(lock));
  await until(() => capped === 1);
  await until(() => !existsSync(lock));
  match(lines.join('\n'), /lid-let-go/);
  letGo();
  equal(capped, 1);
});

test('refused: said once, and the departure goes on without it', { timeout: 20_000 }, async () => {
  const lines: string[] = [];
  const lid = new LidLock({ log: jsonLog((line) => lines.push(line)), program: () => ['sh', '-c', 'echo "Access denied" >&2; exit 1'] });
  const letGo = lid.hold('work', () => undefined);
  await until(() => lid.refusal !== undefined);
  match(lid.refusal ?? '', /Access denied/);
  letGo();
  equal(lines.length, 1);
});

test('what is asked of logind: the lid too, a block, for two minutes at the most', () => {
  const words = lidProgram('x');
  ok(words.includes('--what=handle-lid-switch:sleep') && words.includes('--mode=block'));
  equal(lidCapMs, 120_000);
});
