import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { after, describe, test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { endMachines, machinesOf, namesPathBelow, strangersTo } from './machines-of.ts';
import { isRunning, processId, type ProcessId } from './process-id.ts';

const directory = '/nowhere/desktops/0123456789abcdef0123456789abcdef/run';

describe('which processes work in a folder', () => {
  const started: number[] = [];
  after(() => started.forEach((pid) => processId(pid) !== undefined && process.kill(pid, 'SIGKILL')));

  /** A process that calls itself QEMU and names `path`, as the command line of one does. */
  async function pretend(path: string): Promise<ProcessId> {
    const script = `exec -a qemu-system-x86_64 bash -c 'echo ready; read' -chardev socket,id=qmp0,path=${path}/qmp,server=on`;
    const child = spawn('bash', ['-c', script], { stdio: ['pipe', 'pipe', 'inherit'] });
    await once(child.stdout, 'data');
    started.push(child.pid!);
    return processId(child.pid!)!;
  }

  test('QEMU, by a path that is an argument, part of one, or in quotation marks; not by a longer path, and no other program', () => {
    const named = (program: string, word: string): boolean => namesPathBelow([program, '-x', word], directory);
    for (const word of [`${directory}/disk0-0.qcow2`, `socket,id=qmp0,path=${directory}/qmp,server=on`, `{"driver":"file","filename":"${directory}/disk0-0.qcow2"}`]) {
      assert.equal(named('/usr/bin/qemu-system-x86_64', word), true, word);
      assert.equal(named('qemu-img', word), true, word);
      assert.equal(named('vi', word), false, word);
    }
    for (const word of [directory, `/other${directory}/qmp`, `path=/other${directory}/qmp`, `${directory}-old/qmp`, '']) assert.equal(named('qemu-system-x86_64', word), false, word);
    assert.equal(namesPathBelow([`${directory}/qemu-system-x86_64`], directory), false);
  });

  test('those that are not the known one are ended, however many', async () => {
    const [known, stray, other, elsewhere] = [await pretend(directory), await pretend(directory), await pretend(directory), await pretend(`/elsewhere${directory}`)];
    const found = machinesOf(directory);
    assert.deepEqual(new Set(found.map(({ pid }) => pid)), new Set([known.pid, stray.pid, other.pid]));
    await endMachines(strangersTo(known, found));
    assert.deepEqual([known, stray, other, elsewhere].map(isRunning), [true, false, false, true]);
    assert.deepEqual(strangersTo({ ...known, startTicks: '1' }, [known]), [known], 'another process with the id of the known one');
    assert.deepEqual(strangersTo(null, [known]), [known]);
    await endMachines([known, elsewhere]);
    await sleep(10);
    assert.deepEqual(machinesOf(directory), []);
  });
});
