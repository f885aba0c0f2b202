import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, mkdtempSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';

/** Starts a QEMU as probes are started, says its process id, and stays. */
const starter = (directory: string): string => `
  import { silentLog } from '@godwit/base';
  import { detectPrivilege } from './apps/agent/dist/machine/privilege.js';
  import { QemuProcess } from './apps/agent/dist/machine/qemu-process.js';
  const argv = ['-nodefaults', '-no-user-config', '-display', 'none', '-machine', 'none', '-S'];
  const qemu = await QemuProcess.start({ privilege: detectPrivilege(), program: '/usr/bin/qemu-system-x86_64', argv, logFile: ${JSON.stringify(join(directory, 'log'))}, log: silentLog, endsWithParent: true });
  console.log(qemu.id.pid);
  setInterval(() => undefined, 1000);
`;

test('a QEMU that only answers questions does not outlive an agent that is killed', { timeout: 60_000 }, async (context) => {
  const directory = mkdtempSync('/tmp/godwit-probe-');
  context.after(() => rmSync(directory, { recursive: true, force: true }));
  const agent = spawn(process.execPath, ['--input-type=module', '--eval', starter(directory)], { cwd: join(import.meta.dirname, '../../..'), stdio: ['ignore', 'pipe', 'inherit'] });
  const [said] = (await once(agent.stdout, 'data')) as [Buffer];
  const pid = Number(said.toString());
  assert.ok(pid > 0 && existsSync(`/proc/${pid}`), said.toString());
  agent.kill('SIGKILL');
  while (existsSync(`/proc/${pid}`)) await sleep(20);
});
