import { deepEqual, equal, match, ok } from 'node:assert/strict';
import { existsSync, mkdtempSync, readFileSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, test } from 'node:test';
import { run } from '../docs/programs.ts';
import { root } from '../tidy/sources.ts';

/** Of ten; what the best known of its kind has is 9.2 and worse. */
const exposureMax = 2.0;
const folder = join(root, 'infra/systemd');
const units = readdirSync(folder).filter((name) => name.endsWith('.service'));
const analyze = '/usr/bin/systemd-analyze';
const lacking = existsSync(analyze) ? '' : ' (skipped: this system has no systemd-analyze)';

/** As `systemd-analyze security` adds it up from the file alone. */
async function exposureOf(path: string): Promise<number> {
  const { exitCode, stdout, stderr } = await run(analyze, ['security', '--offline=true', '--no-pager', path]);
  const found = /Overall exposure level for \S+: (\d+\.\d)/.exec(stdout)?.[1];
  ok(found !== undefined, `${exitCode} ${stderr}`);
  return Number(found);
}

/** The values of a setting, of which the last one counts or all. */
const valuesOf = (text: string, setting: string): string[] => [...text.matchAll(new RegExp(`^${setting}=(.*)$`, 'gm'))].map(([, value]) => value!);

describe('units of systemd', () => {
  for (const name of units) {
    test(`${name} is exposed ${exposureMax.toFixed(1)} at the most${lacking}`, { skip: lacking !== '' }, async () => {
      const exposure = await exposureOf(join(folder, name));
      console.log(`${name}: exposure ${exposure.toFixed(1)}`);
      ok(exposure <= exposureMax, `${exposure}`);
    });
  }

  test(`a unit that gives its protection up would be seen${lacking}`, { skip: lacking !== '' }, async () => {
    const directory = mkdtempSync(join(tmpdir(), 'godwit-unit-'));
    try {
      const path = join(directory, 'godwit-coordinator.service');
      writeFileSync(path, readFileSync(join(folder, 'godwit-coordinator.service'), 'utf8').replace(/^(SystemCallFilter|CapabilityBoundingSet|ProtectSystem)=.*\n/gm, ''));
      ok((await exposureOf(path)) > exposureMax);
    } finally {
      rmSync(directory, { recursive: true });
    }
  });

  test('an agent that ends leaves its desktops running, and gets no device but the two that QEMU needs', () => {
    const text = readFileSync(join(folder, 'godwit-agent.service'), 'utf8');
    deepEqual(valuesOf(text, 'KillMode'), ['process']);
    deepEqual(valuesOf(readFileSync(join(folder, 'user/godwit-agent.service'), 'utf8'), 'KillMode'), ['process']);
    deepEqual(valuesOf(text, 'DeviceAllow'), ['/dev/kvm rw', '/dev/userfaultfd rw']);
    // V8 and QEMU's emulation write the code that they run.
    for (const name of units) deepEqual(valuesOf(readFileSync(join(folder, name), 'utf8'), 'MemoryDenyWriteExecute'), []);
  });

  test('the device for memory on demand is given to the group of the agent, before the rule that gives devices to who sits there', () => {
    const [name] = readdirSync(join(root, 'infra/udev'));
    ok(Number(name!.slice(0, 2)) < 73);
    const rule = readFileSync(join(root, 'infra/udev', name!), 'utf8').split('\n').find((line) => !line.startsWith('#'));
    match(rule!, /^SUBSYSTEM=="misc", KERNEL=="userfaultfd", GROUP="kvm", MODE="0660", TAG\+="uaccess"/);
    equal(valuesOf(readFileSync(join(folder, 'godwit-agent.service'), 'utf8'), 'SupplementaryGroups')[0], 'kvm');
  });
});
