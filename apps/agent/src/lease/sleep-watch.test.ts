import { deepEqual, equal, match, ok } from 'node:assert/strict';
import { existsSync, mkdtempSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { jsonLog } from '@godwit/base';
import { sleepPrograms, SleepWatch, type SleepPrograms } from './sleep-watch.ts';

let directory: string;
before(() => {
  directory = mkdtempSync('/tmp/godwit-sleep-');
});
after(() => rmSync(directory, { recursive: true }));

const until = async (what: () => boolean): Promise<void> => {
  while (!what()) await new Promise((resolve) => setTimeout(resolve, 10));
};
const said = (flag: boolean): string => `/org/freedesktop/login1: org.freedesktop.login1.Manager.PrepareForSleep (${flag},)`;

test('the lock is held until the guests stand still, and taken again on waking', { timeout: 20_000 }, async () => {
  const [lock, signals] = [join(directory, 'lock'), join(directory, 'signals')];
  const programs: SleepPrograms = { inhibit: ['sh', '-c', `touch ${lock}; cat; rm ${lock}`], monitor: ['sh', '-c', `while [ ! -e ${signals}.end ]; do [ -e ${signals} ] && cat ${signals} && rm ${signals}; sleep 0.05; done`] };
  const deeds: string[] = [];
  const standing = Promise.withResolvers<undefined>();
  const watch = new SleepWatch({
    programs,
    log: jsonLog(() => undefined),
    onSleep: async () => {
      deeds.push(`sleep, locked: ${existsSync(lock)}`);
      await standing.promise;
    },
    onWake: () => deeds.push('wake'),
  });
  /** Whole, or not there. */
  const say = (flag: boolean): void => {
    writeFileSync(`${signals}.new`, `${said(flag)}\n`);
    renameSync(`${signals}.new`, signals);
  };
  watch.begin();
  watch.begin();
  await until(() => existsSync(lock));
  equal(watch.refusal, undefined);
  say(true);
  await until(() => deeds.length === 1);
  await new Promise((resolve) => setTimeout(resolve, 200));
  ok(existsSync(lock), 'as long as a guest may run, the machine stays awake');
  standing.resolve(undefined);
  await until(() => !existsSync(lock));
  say(false);
  await until(() => existsSync(lock));
  deepEqual(deeds, ['sleep, locked: true', 'wake']);
  watch.end();
  await until(() => !existsSync(lock));
  writeFileSync(`${signals}.end`, '');
});

test('without logind it says so once, and why', { timeout: 20_000 }, async () => {
  const lines: string[] = [];
  const watch = new SleepWatch({
    programs: { inhibit: ['sh', '-c', 'echo "Failed to connect to bus: no such file" >&2; exit 1'], monitor: ['/no/such/program'] },
    log: jsonLog((line) => lines.push(line)),
    onSleep: () => Promise.reject(new Error('nobody sleeps')),
    onWake: () => lines.push('wake'),
  });
  watch.begin();
  await until(() => lines.length === 2);
  match(watch.refusal ?? '', /Failed to connect to bus: no such file/);
  match(watch.refusal ?? '', /ENOENT/);
  watch.end();
});

test('the agent asks for a delay, not for the power to forbid a sleep', () => {
  ok(sleepPrograms.inhibit.includes('--mode=delay') && sleepPrograms.inhibit.includes('--what=sleep'));
});
