import assert from 'node:assert/strict';
import { execFileSync, spawn, type ChildProcess } from 'node:child_process';
import { on, once } from 'node:events';
import { copyFileSync, existsSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { connect } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, afterEach, beforeEach, describe, it } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { QmpSession } from '@godwit/qemu';
import { SeenMemory } from '../bench/guest-pages.ts';

/** What the test guest promises to everybody who measures with it; infra/README.md lists its lines. */

const IMAGE = join(import.meta.dirname, '../../../.cache/guest/guest-small.raw');
const BUILD = join(import.meta.dirname, '../../../infra/guest/build.mjs');
const LOOK_MS = 50;
const WRITE_LOOK_MS = 500;
/** Ten times what it takes on two quiet cores under software emulation. */
const BOOT_LIMIT_MS = 45_000;
const OFF_LIMIT_MS = 20_000;

interface Guest {
  readonly qemu: ChildProcess;
  readonly qmpPath: string;
  readonly gdbPath: string;
  lines(): string[];
}

describe('the test guest', () => {
  const dir = mkdtempSync(join(tmpdir(), 'godwit-guest-'));
  const disk = join(dir, 'disk.raw');
  const started: ChildProcess[] = [];
  beforeEach(() => { copyFileSync(IMAGE, disk); });
  afterEach(async () => {
    for (const qemu of started.splice(0).filter(({ exitCode }) => exitCode === null)) {
      qemu.kill('SIGKILL');
      await once(qemu, 'exit');
    }
  });
  after(() => { rmSync(dir, { recursive: true }); });

  const start = (name: string): Guest => {
    const serialPath = join(dir, `${name}.serial`);
    const qmpPath = join(dir, `${name}.qmp`);
    const gdbPath = join(dir, `${name}.gdb`);
    const qemu = spawn('qemu-system-x86_64', [
      '-nodefaults', '-no-user-config', '-display', 'none', '-machine', 'pc-q35-7.2', '-accel', 'tcg', '-cpu', 'Nehalem-v1,la57=off', '-m', '512M',
      '-drive', `if=none,id=disk,file=${disk},format=raw,cache=unsafe`, '-device', 'virtio-blk-pci,drive=disk,bootindex=0',
      '-chardev', `file,id=serial,path=${serialPath}`, '-serial', 'chardev:serial', '-qmp', `unix:${qmpPath},server=on,wait=off`, '-gdb', `unix:${gdbPath},server=on,wait=off`,
    ], { stdio: ['ignore', 'inherit', 'inherit'] });
    started.push(qemu);
    const lines = () => (existsSync(serialPath) ? readFileSync(serialPath, 'utf8').split(/\r?\n/).slice(0, -1) : []);
    return { qemu, qmpPath, gdbPath, lines };
  };

  it('boots from its own disk, is at work, and ends cleanly at the power button; a second boot goes on with the counter', async () => {
    const first = start('first');
    const worked = await tick(first, (values) => Number(values.get('passes')) >= 1 && Number(values.get('counter')) >= 5);
    assert.deepEqual([worked.get('memory'), worked.get('disk'), worked.get('filled')], ['ok', 'ok', String(16 << 20)]);
    await pressPower(first);
    const [last] = first.lines().filter((line) => line.includes('phase=stopping')).map(parse);
    assert.deepEqual([last?.get('memory'), last?.get('disk')], ['ok', 'ok']);
    assert.ok(first.lines().some((line) => line.includes('phase=off')));

    const second = start('second');
    const again = await tick(second, () => true);
    assert.equal(again.get('counter'), last?.get('counter'));
    assert.equal(again.get('disk'), 'ok');
  });

  it('says so for ever when memory differs from what was put there', async () => {
    const running = start('damaged');
    await tick(running, (values) => Number(values.get('passes')) >= 1);
    const qmp = await QmpSession.connect(running.qmpPath);
    const dump = join(dir, 'memory');
    await qmp.execute('pmemsave', { val: 0, size: 512 << 20, filename: dump });
    qmp.close();
    // Compressible blocks hold the guest's own script. A comment of it is damaged wherever it is, so nothing else breaks.
    const comment = Buffer.from('# Looks at one block after the other for ever');
    const memory = readFileSync(dump);
    const places: number[] = [];
    for (let at = memory.indexOf(comment); at >= 0; at = memory.indexOf(comment, at + 1)) places.push(at);
    assert.ok(places.length >= 8, `the comment is in memory ${places.length} times`);
    await writePhysical(running.gdbPath, places, 0x2a);
    const damaged = await tick(running, (values) => values.get('memory') === 'bad');
    const later = await tick(running, (values) => Number(values.get('passes')) >= Number(damaged.get('passes')) + 1);
    assert.deepEqual([later.get('memory'), later.get('disk')], ['bad', 'ok']);
  });
  it('writes memory for ever when its image says so, without harm to what it keeps', async () => {
    const image = execFileSync(process.execPath, [BUILD, '--fill', '16', '--write', '16'], { encoding: 'utf8' }).trim();
    copyFileSync(image, disk);
    const running = start('writing');
    const ready = await tick(running, () => true);
    const memory = new SeenMemory(512 << 20);
    memory.remember(running.qemu.pid ?? 0);
    // An idle guest changes some 20 pages a second.
    const wantedPages = (16 << 20) / 4096;
    let pages = 0;
    for (let waitedMs = 0; pages < wantedPages; waitedMs += WRITE_LOOK_MS) {
      assert.ok(waitedMs < BOOT_LIMIT_MS, `${pages} pages changed in ${waitedMs} ms`);
      await sleep(WRITE_LOOK_MS);
      pages += memory.look(running.qemu.pid ?? 0).pages;
    }
    const later = await tick(running, (values) => Number(values.get('counter')) > Number(ready.get('counter')) + 5);
    assert.deepEqual([later.get('memory'), later.get('disk'), later.get('filled')], ['ok', 'ok', String(16 << 20)]);
  });
});

/** Changes one byte at each physical address, through QEMU's debugger port, which stops the guest meanwhile. */
async function writePhysical(gdbPath: string, addresses: readonly number[], value: number): Promise<void> {
  const socket = connect(gdbPath).setEncoding('latin1');
  const replies = on(socket, 'data', { signal: AbortSignal.timeout(OFF_LIMIT_MS) })[Symbol.asyncIterator]();
  const ask = async (packet: string) => {
    const sum = Buffer.from(packet).reduce((total, byte) => (total + byte) & 0xff, 0);
    socket.write(`+$${packet}#${sum.toString(16).padStart(2, '0')}`);
    let reply = '';
    // The stop that the debugger's connection causes is told whenever it happens, also ahead of an answer.
    while (!/#[0-9a-f]{2}$/.test(reply)) reply = (reply + String((await replies.next()).value)).replace(/\$T[^#]*#[0-9a-f]{2}/, '');
    assert.match(reply, /\$OK#9a$/, packet);
  };
  await once(socket, 'connect');
  await ask('Qqemu.PhyMemMode:1');
  for (const address of addresses) await ask(`M${address.toString(16)},1:${value.toString(16)}`);
  await ask('D');
  socket.destroy();
}

async function tick(guest: Guest, wanted: (values: Map<string, string>) => boolean): Promise<Map<string, string>> {
  for (let waitedMs = 0; waitedMs < BOOT_LIMIT_MS; waitedMs += LOOK_MS) {
    const found = guest.lines().filter((line) => line.includes('phase=ready')).map(parse).find(wanted);
    if (found !== undefined) return found;
    assert.equal(guest.qemu.exitCode, null, 'QEMU ended');
    await sleep(LOOK_MS);
  }
  return assert.fail(`not seen within ${BOOT_LIMIT_MS} ms; the guest's last lines:\n${guest.lines().slice(-5).join('\n')}`);
}

function parse(line: string): Map<string, string> {
  return new Map([...line.matchAll(/(\w+)=(\S+)/g)].map(([, key, value]) => [key ?? '', value ?? '']));
}

async function pressPower(guest: Guest): Promise<void> {
  const qmp = await QmpSession.connect(guest.qmpPath);
  const exited = once(guest.qemu, 'exit', { signal: AbortSignal.timeout(OFF_LIMIT_MS) });
  await qmp.execute('system_powerdown', {});
  await exited;
  qmp.close();
}
