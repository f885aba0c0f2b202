import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { chmodSync, chownSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { connect } from 'node:net';
import { join } from 'node:path';
import { describe, test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { createImage, detectPrivilege, Guard, guardTimes, homeAt, killedByGuard, Machine, newContract, type GuardOptions } from '@godwit/agent';
import { newId, silentLog, systemClock, systemRandom, type DesktopId } from '@godwit/base';
import { cont, queryStatus } from '@godwit/qemu';
import { guardKillMs, guardPauseMs, leaseTermMs } from '@godwit/wire';
import { startBareMachine, type BareMachine } from '../qemu/bare-machine.ts';

/** A real guard and a real QEMU. Times are those that desktops have; only the deadlines begin near their end. */

const waitMs = 20_000;
/** What the machine may be late by. The promise of 500 ms is measured and told; a machine that is busy with other tests may break it. */
const lateMs = 2_500;
const bootMs = (): number => systemClock.bootMs();

interface Scene extends AsyncDisposable {
  readonly machine: BareMachine;
  readonly options: GuardOptions;
  readonly guard: Guard;
}

async function guarded(): Promise<Scene> {
  const machine = await startBareMachine();
  const options = optionsOf(machine);
  const guard = await Guard.start(options);
  return {
    machine, options, guard,
    [Symbol.asyncDispose]: async () => {
      signal(guard.id.pid, 'SIGCONT');
      signal(machine.pid, 'SIGCONT');
      await guard.end();
      await machine.end('kill');
    },
  };
}

function optionsOf({ pid, directory }: BareMachine): GuardOptions {
  const home = { ...homeAt(directory).desktop(newId<DesktopId>(systemRandom)), machineDirectory: directory, guardDirectory: join(directory, 'of-guard') };
  return { home, machineProcess: { pid, startTicks: stateOf(pid).startTicks }, clock: systemClock };
}

/** `gone` for a process that has ended, whoever waits for it. */
function stateOf(pid: number): { state: string; startTicks: string } {
  try {
    const stat = readFileSync(`/proc/${pid}/stat`, 'latin1');
    const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
    return { state: fields[0] === 'Z' ? 'gone' : fields[0]!, startTicks: fields[19]! };
  } catch {
    return { state: 'gone', startTicks: '' };
  }
}

function signal(pid: number, name: NodeJS.Signals): void {
  if (stateOf(pid).state !== 'gone') process.kill(pid, name);
}

/** The boot time at which it became so. */
async function until(what: string, holds: () => Promise<boolean> | boolean): Promise<number> {
  const limitMs = bootMs() + waitMs;
  while (!(await holds())) {
    assert.ok(bootMs() < limitMs, `not ${what} within ${waitMs} ms`);
    await sleep(10);
  }
  return bootMs();
}

const paused = ({ machine }: Scene) => async (): Promise<boolean> => !(await queryStatus(machine.qmp)).running;
const dead = ({ machine }: Scene) => (): boolean => stateOf(machine.pid).state === 'gone';

function assertAt(what: string, foundMs: number, expectedMs: number): void {
  assert.ok(foundMs >= expectedMs - 20 && foundMs <= expectedMs + lateMs, `${what} ${foundMs - expectedMs} ms after it had to be`);
}

describe('a guard and its QEMU', { concurrency: 3, timeout: 90_000 }, () => {
  test('pauses the guest 8 s before the deadline and kills QEMU 3 s before it, with no help', async (t) => {
    await using scene = await guarded();
    const deadlineMs = bootMs() + guardPauseMs + 1_000;
    await scene.guard.setDeadline(deadlineMs);
    assert.equal((await queryStatus(scene.machine.qmp)).running, true);
    const pausedMs = await until('paused', paused(scene));
    assertAt('paused', pausedMs, deadlineMs - guardPauseMs);
    assert.equal(dead(scene)(), false);
    const deadMs = await until('dead', dead(scene));
    assertAt('dead', deadMs, deadlineMs - guardKillMs);
    await until('told', async () => (await scene.guard.deed()) === 'killed');
    assert.equal(killedByGuard(scene.options.home, scene.options.machineProcess), true);
    await scene.guard.ended;
    t.diagnostic(`paused ${pausedMs - (deadlineMs - guardPauseMs)} ms and dead ${deadMs - (deadlineMs - guardKillMs)} ms after they had to be`);
  });

  test('a later deadline keeps it running; what was paused before it stays so until it is let go on', async () => {
    await using scene = await guarded();
    const { guard, machine } = scene;
    await guard.setDeadline(bootMs() + guardPauseMs + 700);
    await sleep(300);
    await guard.setDeadline(bootMs() + guardPauseMs + 1_500);
    await sleep(1_000);
    assert.equal((await queryStatus(machine.qmp)).running, true);
    await until('paused', paused(scene));
    await guard.setDeadline(bootMs() + leaseTermMs);
    await sleep(500);
    assert.equal((await queryStatus(machine.qmp)).running, false);
    await cont(machine.qmp);
    await sleep(500);
    assert.equal((await queryStatus(machine.qmp)).running, true);
    assert.equal(await guard.deed(), 'none');
    // Whoever lets it go on without a lease is not listened to.
    await guard.setDeadline(bootMs() + guardPauseMs - 500);
    await until('paused', paused(scene));
    await cont(machine.qmp);
    await until('paused again', paused(scene));
  });

  test('stopped together with its QEMU until after the deadline: dead within 500 ms of waking', async (t) => {
    await using scene = await guarded();
    const { guard, machine } = scene;
    await guard.setDeadline(bootMs() + guardPauseMs + 500);
    signal(guard.id.pid, 'SIGSTOP');
    signal(machine.pid, 'SIGSTOP');
    await sleep(guardPauseMs + 700);
    assert.equal(stateOf(machine.pid).state, 'T');
    const wokenMs = performance.now();
    signal(machine.pid, 'SIGCONT');
    signal(guard.id.pid, 'SIGCONT');
    while (stateOf(machine.pid).state !== 'gone') await sleep(2);
    const tookMs = performance.now() - wokenMs;
    t.diagnostic(`dead ${tookMs.toFixed(0)} ms after both went on`);
    assert.ok(tookMs < lateMs, `${tookMs} ms`);
  });

  test('a QEMU that hangs is stopped, and killed in time', async () => {
    await using scene = await guarded();
    const { guard, machine } = scene;
    signal(machine.pid, 'SIGSTOP');
    const deadlineMs = bootMs() + guardKillMs + 1_500;
    await guard.setDeadline(deadlineMs);
    await until('frozen', async () => (await guard.deed()) === 'frozen');
    assertAt('dead', await until('dead', dead(scene)), deadlineMs - guardKillMs);
  });

  test('a QEMU whose monitor does not answer is stopped, goes on only with a later deadline, and then stands still until it is let', async () => {
    const machine = await startBareMachine();
    // A monitor takes one client at a time.
    const intruder = connect(join(machine.directory, 'guard'));
    await once(intruder, 'connect');
    const guard = await Guard.start(optionsOf(machine));
    try {
      await guard.setDeadline(bootMs() + guardPauseMs + 100);
      await until('frozen', () => stateOf(machine.pid).state === 'T');
      signal(machine.pid, 'SIGCONT');
      await until('frozen again', () => stateOf(machine.pid).state === 'T');
      intruder.destroy();
      await guard.setDeadline(bootMs() + leaseTermMs);
      assert.notEqual(stateOf(machine.pid).state, 'T');
      assert.equal((await queryStatus(machine.qmp)).running, false);
      await cont(machine.qmp);
      await sleep(500);
      assert.equal((await queryStatus(machine.qmp)).running, true);
    } finally {
      intruder.destroy();
      await guard.end();
      await machine.end('kill');
    }
  });

  test('outlives its agent, ignores polite signals, and is found again; one QEMU has one guard', async () => {
    const machine = await startBareMachine();
    const options = optionsOf(machine);
    const deadlineMs = bootMs() + guardKillMs + 3_000;
    const agent = spawn(process.execPath, ['--input-type=module', '-e', agentSource, JSON.stringify({ ...options, deadlineMs })], { cwd: import.meta.dirname, stdio: ['ignore', 'pipe', 'inherit'] });
    let guard: Guard | undefined;
    try {
      const [said] = (await once(agent.stdout, 'data')) as [Buffer];
      agent.kill('SIGKILL');
      await once(agent, 'exit');
      guard = await Guard.start(options);
      assert.equal(guard.id.pid, Number(said.toString()));
      const { pid } = guard.id;
      assert.equal(readFileSync(`/proc/${pid}/stat`, 'latin1').split(') ')[1]!.split(' ')[3], String(pid), 'a session of its own');
      for (const name of ['SIGTERM', 'SIGHUP', 'SIGINT'] as const) signal(pid, name);
      assertAt('dead', await until('dead', () => stateOf(machine.pid).state === 'gone'), deadlineMs - guardKillMs);
      await guard.ended;
    } finally {
      agent.kill('SIGKILL');
      await guard?.end();
      await machine.end('kill');
    }
  });

  test('ends when its QEMU ends, and when there is nothing to guard any more', async () => {
    await using scene = await guarded();
    await scene.guard.setDeadline(bootMs() + leaseTermMs);
    await scene.guard.setDeadline(null);
    assert.equal(scene.guard.alive, false);
    assert.equal((await queryStatus(scene.machine.qmp)).running, true);
    assert.equal(Guard.find(scene.options), undefined);
    const [next, same] = await Promise.all([Guard.start(scene.options), Guard.start(scene.options)]);
    assert.equal(same.id.pid, next.id.pid);
    assert.notEqual(next.id.pid, scene.guard.id.pid);
    await next.setDeadline(bootMs() + leaseTermMs);
    const process = `/proc/${next.id.pid}`;
    const residentKilobytes = Number(/VmRSS:\s+(\d+)/.exec(readFileSync(`${process}/status`, 'latin1'))?.[1]);
    assert.ok(residentKilobytes < 80_000, `${residentKilobytes} kB`);
    assert.equal(readFileSync(`${process}/environ`, 'latin1'), 'PATH=/usr/sbin:/usr/bin:/sbin:/bin\0');
    await scene.machine.end('kill');
    await until('gone', () => !next.alive);
    assert.equal(killedByGuard(scene.options.home, scene.options.machineProcess), false);
  });

  test('a deadline of another boot, of no boot, or out of reach is none', async () => {
    await using scene = await guarded();
    const { guard, machine, options } = scene;
    const startedMs = bootMs();
    const [boot, other] = [readFileSync('/proc/sys/kernel/random/boot_id', 'latin1').trim(), '12345678-1234-1234-1234-123456789abc'];
    const deadline = (bootId: string, aheadMs: number): string => {
      const number = String(bootMs() + aheadMs).padStart(15, '0');
      return `godwit-deadline 1 ${bootId} ${number} ${number}\n`;
    };
    for (const text of [deadline(other, leaseTermMs), deadline(boot, guardTimes.aheadMs + 10_000), 'godwit', '\0'.repeat(4096), '']) {
      writeFileSync(join(options.home.guardDirectory, 'deadline'), text);
      await sleep(300);
    }
    await assert.rejects(guard.setDeadline(bootMs() + guardTimes.aheadMs + 10_000), RangeError);
    assert.equal((await queryStatus(machine.qmp)).running, true);
    const deadMs = await until('dead', dead(scene));
    assert.ok(deadMs - startedMs < 5_000 + lateMs, `${deadMs - startedMs} ms`);
  });

  test('a guard that does not answer is ended; the next one knows what it did', async () => {
    const machine = await startBareMachine();
    const intruder = connect(join(machine.directory, 'guard'));
    await once(intruder, 'connect');
    const options = optionsOf(machine);
    const guard = await Guard.start(options);
    try {
      await guard.setDeadline(bootMs() + guardPauseMs + 100);
      await until('frozen', async () => (await guard.deed()) === 'frozen');
      signal(guard.id.pid, 'SIGSTOP');
      // Waked, and stopped by nobody: its monitor was never free.
      await assert.rejects(guard.setDeadline(bootMs() + leaseTermMs), { code: 'GUARD_LOST' });
      await guard.ended;
      await assert.rejects(guard.setDeadline(bootMs() + leaseTermMs), { code: 'GUARD_LOST' });
      intruder.destroy();
      const next = await Guard.start(options);
      await next.setDeadline(bootMs() + leaseTermMs);
      assert.equal((await queryStatus(machine.qmp)).running, false);
      await next.end();
    } finally {
      intruder.destroy();
      await guard.end();
      await machine.end('kill');
    }
  });

  const root = process.getuid?.() === 0 ? false : 'because only root runs QEMU as another user';

  test('guards a QEMU of another user, in a PID namespace of its own', { skip: root }, async () => {
    const directory = mkdtempSync('/tmp/godwit-guard-');
    chmodSync(directory, 0o711);
    const privilege = detectPrivilege();
    assert.equal(privilege.kind, 'own-user');
    const home = homeAt(directory).desktop(newId<DesktopId>(systemRandom));
    mkdirSync(home.machineDirectory, { recursive: true });
    const firmware = { file: 'bios-256k.bin', lengthBytes: 262_144, sha256: 'ab'.repeat(32) };
    const contract = newContract({ cpus: 1, memoryBytes: 128 * 2 ** 20, diskBytes: 2 ** 20, accelerator: 'tcg', firmware, qemuVersion: '7.2.22' }, systemRandom);
    const disks = await Promise.all(contract.disks.map(async ({ lengthBytes }, index) => {
      const file = join(home.machineDirectory, `disk${index}-0.qcow2`);
      await createImage(file, lengthBytes);
      chownSync(file, privilege.uid, privilege.gid);
      return [{ kind: 'file', file, format: 'qcow2' } as const];
    }));
    const machine = await Machine.launch({ program: 'qemu-system-x86_64', privilege, clock: systemClock, log: silentLog }, { home, contract, disks, incoming: false });
    try {
      const { pid } = machine.process.id;
      const guard = await Guard.start({ home, machineProcess: machine.process.id, clock: systemClock });
      await guard.setDeadline(bootMs() + guardPauseMs + 200);
      await until('paused', async () => (await guard.deed()) === 'paused');
      assert.equal(await machine.runState(), 'paused');
      signal(pid, 'SIGSTOP');
      await guard.setDeadline(bootMs() + leaseTermMs);
      signal(pid, 'SIGCONT');
      await cont(machine.qmp);
      const deadlineMs = bootMs() + guardKillMs + 500;
      await guard.setDeadline(deadlineMs);
      assertAt('dead', await until('dead', () => !machine.process.alive), deadlineMs - guardKillMs);
      await guard.ended;
    } finally {
      await machine.end();
      rmSync(directory, { recursive: true, force: true });
    }
  });

  test('guards under a user without any rights', { skip: root }, async () => {
    const directory = mkdtempSync('/tmp/godwit-guard-');
    chownSync(directory, nobody, nobody);
    // It may read everywhere, because the checkout may lie in a folder of root's.
    const rights = [`--reuid=${nobody}`, `--regid=${nobody}`, '--clear-groups', '--inh-caps=-all,+dac_read_search', '--ambient-caps=-all,+dac_read_search'];
    const agent = spawn('setpriv', [...rights, process.execPath, '--input-type=module', '-e', plainSource, directory], { cwd: import.meta.dirname, stdio: ['ignore', 'pipe', 'inherit'] });
    try {
      const [said] = (await once(agent.stdout, 'data')) as [Buffer];
      const { guard, qemu, deadlineMs } = JSON.parse(said.toString()) as { guard: number; qemu: number; deadlineMs: number };
      assert.match(readFileSync(`/proc/${guard}/status`, 'latin1'), /^Uid:\t65534\t65534/m);
      assertAt('dead', await until('dead', () => stateOf(qemu).state === 'gone'), deadlineMs - guardKillMs);
      await until('gone', () => stateOf(guard).state === 'gone');
    } finally {
      agent.kill('SIGKILL');
      rmSync(directory, { recursive: true, force: true });
    }
  });
});

const nobody = 65534;

/** As agentSource, with a QEMU of its own. */
const plainSource = `
  import { spawn } from 'node:child_process';
  import { readFileSync } from 'node:fs';
  const { Guard, homeAt } = await import('@godwit/agent');
  const { systemClock } = await import('@godwit/base');
  const directory = process.argv[1];
  const qemu = spawn('qemu-system-x86_64', ['-machine', 'pc-q35-7.2', '-accel', 'tcg', '-m', '64', '-nodefaults', '-display', 'none', '-qmp', 'unix:' + directory + '/guard,server=on,wait=off'], { stdio: ['ignore', 'ignore', 'inherit'] });
  const startTicks = readFileSync('/proc/' + qemu.pid + '/stat', 'latin1').split(') ')[1].split(' ')[19];
  const home = { ...homeAt(directory).desktop('0'.repeat(32)), machineDirectory: directory };
  const guard = await Guard.start({ home, machineProcess: { pid: qemu.pid, startTicks }, clock: systemClock });
  const deadlineMs = systemClock.bootMs() + ${guardKillMs + 1_500};
  await guard.setDeadline(deadlineMs);
  process.stdout.write(JSON.stringify({ guard: guard.id.pid, qemu: qemu.pid, deadlineMs }));
  setInterval(() => undefined, 1_000);
`;

/** What an agent does about a guard, in a process that can be killed. */
const agentSource = `
  const { Guard } = await import('@godwit/agent');
  const { systemClock } = await import('@godwit/base');
  const { deadlineMs, home, machineProcess } = JSON.parse(process.argv[1]);
  const guard = await Guard.start({ home, machineProcess, clock: systemClock });
  await guard.setDeadline(deadlineMs);
  process.stdout.write(String(guard.id.pid));
  setInterval(() => undefined, 1_000);
`;
