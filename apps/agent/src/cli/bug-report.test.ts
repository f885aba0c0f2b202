import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { Fault } from '@godwit/base';
import type { ControlResult, DesktopStatus } from '@godwit/wire';
import { bugReport, reportParts, type Gathered } from './bug-report.ts';

/** Each stands for what must not leave: in every field that is a text. */
const canary = 'canary-of-anna';
const desktop: DesktopStatus = {
  name: canary, desktopId: 'ca'.repeat(16), state: 'running', holder: `${canary}-host`, epoch: 3, sequence: 7, memoryBytes: 2 ** 30, arrival: { runningMs: 220, eagerReason: canary } as unknown as DesktopStatus['arrival'],
  departure: null, qemuResidentBytes: 5, note: `${canary} note`, offline: 'keep', holding: 'confirmed',
};
const status: ControlResult<'status'> = { hostName: `${canary}-laptop`, coordinator: `https://${canary}.example`, reachable: true, desktops: [desktop, { ...desktop, holder: `${canary}-laptop` }, { ...desktop, holder: null }] };
const finding = (code: string, found: string, state: 'good' | 'degraded' | 'bad' = 'good') => ({ code, check: code, state, found, hint: `${canary} hint`, fix: `chmod /home/${canary}`, fixed: false });
const doctor: ControlResult<'doctor'> = {
  verdict: 'good', findings: [finding('qemu', `7.2.22 (/opt/${canary}/qemu)`), finding('kvm', 'software emulation: there is no /dev/kvm', 'degraded'), finding('qemu', `cannot start /home/${canary}/qemu`, 'bad'), finding('disk', `9 GiB free in /home/${canary}`), finding('coordinator', `https://${canary}.example answered in 3 ms`), finding('account', canary)],
};
const logLines = [
  JSON.stringify({ time: '2026-11-21T19:00:00.000Z', level: 'warn', event: 'depart.failed', desktop: canary, path: `/home/${canary}`, error: { code: 'STORE_UNAVAILABLE', subject: canary, message: canary, cause: { code: 'ECONNREFUSED', message: canary, stack: canary } } }),
  JSON.stringify({ time: '2026-11-21T19:00:01.000Z', level: 'info', event: `${canary} typed this` }),
  JSON.stringify({ time: canary, level: 'info', event: 'started' }), `{"time":"2026-${canary}`, `"${canary}"`, 'null',
];
const gathered: Gathered = { godwit: '0.1.0', status, doctor, logLines };

describe('a bug report', () => {
  test('has no name, address, path or id in it, wherever they stood', () => {
    const text = JSON.stringify(bugReport(gathered));
    for (const secret of ['canary', 'anna', 'ca'.repeat(16), 'example', '/home', '/opt']) assert.ok(!text.includes(secret), `${secret} in ${text}`);
  });

  test('has what helps: versions, states, figures, findings, and the codes of faults', () => {
    const { about, desktops, doctor: findings, log } = bugReport(gathered);
    assert.equal(about.godwit, '0.1.0');
    assert.deepEqual((desktops as Record<string, unknown>[]).map(({ desktop: number, host, state, epoch, arrival }) => [number, host, state, epoch, arrival]), [[1, 2, 'running', 3, { runningMs: 220 }], [2, 1, 'running', 3, { runningMs: 220 }], [3, null, 'running', 3, { runningMs: 220 }]]);
    assert.deepEqual((findings as Record<string, unknown>[]).map(({ code, state, found }) => [code, state, found]), [['qemu', 'good', '7.2.22'], ['kvm', 'degraded', 'software emulation: there is no /dev/kvm'], ['qemu', 'bad', undefined], ['disk', 'good', undefined], ['coordinator', 'good', undefined], ['account', 'good', undefined]]);
    assert.deepEqual(log, [{ time: '2026-11-21T19:00:00.000Z', level: 'warn', event: 'depart.failed', codes: ['STORE_UNAVAILABLE', 'ECONNREFUSED'] }]);
  });

  test('says by a code why a part is not there, and lists every part that it has', () => {
    const report = bugReport({ ...gathered, status: new Fault('AGENT_UNREACHABLE', { subject: canary }), doctor: new Fault('LOCKED') });
    assert.deepEqual([report.desktops, report.doctor], [{ refused: 'AGENT_UNREACHABLE' }, { refused: 'LOCKED' }]);
    assert.deepEqual(Object.keys(report).filter((key) => key !== 'version'), Object.keys(reportParts));
  });
});
