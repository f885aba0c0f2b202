import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { createImage, homeAt, keptHere, loadRecord, LocalDesktop, Machine, newContract, saveRecord, shortenChain, type DesktopRecord } from '@godwit/agent';
import { newId, silentLog, systemClock, systemRandom, type DesktopId } from '@godwit/base';
import { queryJobs, queryNamedBlockNodes } from '@godwit/qemu';

/** Merges of layers under a real QEMU that has them open, with everything that dies in between. The guest stands still: QEMU's monitor writes in its place. */

const cluster = 65_536;
const clusters = 64;
const host = { log: silentLog } as unknown as Parameters<typeof shortenChain>[0];
const launchWith = { program: 'qemu-system-x86_64', privilege: { kind: 'self' }, clock: systemClock, log: silentLog } as const;
/** So slow that a merge does not end by itself while the test looks. */
const crawlBytesPerSecond = 4 * cluster;

describe('a chain of layers that QEMU has open', { timeout: 60_000 }, () => {
  let directory = '';
  before(() => { directory = mkdtempSync('/tmp/godwit-l-'); });
  after(() => rmSync(directory, { recursive: true, force: true }));

  test('becomes short while the guest writes: what the disk says and what the next checkpoint sends is as before', async () => {
    await using chain = await open({ layers: 7, committedLayers: 5 });
    const before = chain.uncommitted();
    const shortening = shortenChain(host, chain.desktop);
    await chain.write(3, 60);
    await shortening;
    assert.deepEqual(chain.files(), ['disk0-0.qcow2', 'disk0-5.qcow2', 'disk0-6.qcow2']);
    assert.equal((await loadRecord(chain.desktop.home))?.disks[0]?.committedLayers, 1);
    assert.deepEqual(chain.read(chain.files()), chain.expected);
    assert.deepEqual(chain.uncommitted(), [...before, 3, 60].filter((page, index, all) => all.indexOf(page) === index).sort((a, b) => a - b));
    for (const file of ['disk0-1.qcow2', 'disk0-4.qcow2']) assert.ok(!existsSync(chain.desktop.path(file)));
    assert.deepEqual(await chain.nodes(), ['disk0-0.qcow2', 'disk0-5.qcow2', 'disk0-6.qcow2']);
    assert.deepEqual(await queryJobs(chain.machine.qmp), []);
  });

  test('stays as it was where an operation comes in between, and is merged later', async () => {
    await using chain = await open({ layers: 6, committedLayers: 5 });
    const asItIs = chain.slowly();
    const shortening = shortenChain(host, chain.desktop);
    await chain.underWay();
    asItIs();
    await chain.desktop.reconcileLayers(chain.machine);
    await shortening;
    assert.equal(chain.files().length, 6);
    assert.deepEqual(await queryJobs(chain.machine.qmp), []);
    assert.deepEqual(chain.read(chain.files()), chain.expected);
    chain.desktop.operation = 'departing';
    await shortenChain(host, chain.desktop);
    assert.equal(chain.files().length, 6);
    chain.desktop.operation = undefined;
    await shortenChain(host, chain.desktop);
    assert.deepEqual(chain.files(), ['disk0-0.qcow2', 'disk0-5.qcow2']);
    assert.deepEqual(chain.read(chain.files()), chain.expected);
  });

  test('holds everything when QEMU is killed in the middle of a merge', async () => {
    await using chain = await open({ layers: 6, committedLayers: 5 });
    chain.slowly();
    const shortening = shortenChain(host, chain.desktop);
    await chain.underWay();
    await chain.write(9, 10, 11);
    await chain.machine.process.kill();
    await shortening;
    const record = await loadRecord(chain.desktop.home);
    assert.equal(record?.disks[0]?.layers.length, 6);
    assert.deepEqual(chain.read(chain.files()), chain.expected);
  });

  test('holds everything by the old record and by the new one when the agent is killed between the two', async () => {
    await using chain = await open({ layers: 6, committedLayers: 5 });
    const dying = chain.desktop;
    const atRecord = Promise.withResolvers<undefined>();
    dying.update = async () => {
      atRecord.resolve(undefined);
      return new Promise<never>(() => undefined);
    };
    void shortenChain(host, dying);
    await atRecord.promise;
    await chain.write(1, 2);
    assert.deepEqual(chain.read(chain.files()), chain.expected, 'by the old record');
    assert.deepEqual(chain.read(['disk0-0.qcow2', 'disk0-5.qcow2']), chain.expected, 'by the new record');
    const next = new LocalDesktop(dying.home, (await loadRecord(dying.home))!);
    assert.equal(next.record.disks[0]?.layers.length, 6);
    await next.reconcileLayers(chain.machine);
    assert.deepEqual((await loadRecord(dying.home))?.disks[0]?.layers.map(({ file }) => file), ['disk0-0.qcow2', 'disk0-5.qcow2']);
    assert.deepEqual(await chain.nodes(), ['disk0-0.qcow2', 'disk0-5.qcow2']);
    assert.deepEqual(await queryJobs(chain.machine.qmp), []);
    assert.deepEqual(chain.read(['disk0-0.qcow2', 'disk0-5.qcow2']), chain.expected);
    assert.ok(!existsSync(dying.path('disk0-2.qcow2')));
  });

  /** A machine that stands still over a chain in which each layer has clusters of its own, some of them over those below, and one zeroed. */
  async function open({ layers, committedLayers }: { layers: number; committedLayers: number }): Promise<Chain> {
    const desktopId = newId<DesktopId>(systemRandom);
    const home = homeAt(directory).desktop(desktopId);
    mkdirSync(home.machineDirectory, { recursive: true });
    const firmware = { file: 'bios', lengthBytes: 1, sha256: 'a'.repeat(64) };
    const contract = newContract({ cpus: 1, memoryBytes: 2 ** 28, diskBytes: clusters * cluster, accelerator: 'tcg', firmware, qemuVersion: '7.2.0' }, systemRandom);
    const files = Array.from({ length: layers }, (_, level) => `disk0-${level}.qcow2`);
    const expected = Array.from({ length: clusters }, () => 0);
    for (const [level, file] of files.entries()) {
      const path = join(home.machineDirectory, file);
      await createImage(path, clusters * cluster);
      const own = [level, level + 1, 20 + ((level * 7) % 40)];
      for (const page of own) expected[page] = level + 1;
      const zero = 2 * level + 19;
      if (!own.includes(zero)) expected[zero] = 0;
      execFileSync('qemu-io', ['-f', 'qcow2', ...own.flatMap((page) => ['-c', `write -P ${level + 1} ${page * cluster} 64k`]), ...(own.includes(zero) ? [] : ['-c', `write -z ${zero * cluster} 64k`]), path], { stdio: 'ignore' });
    }
    for (const disk of [1, 2, 3]) await createImage(join(home.machineDirectory, `disk${disk}-0.qcow2`), contract.disks[disk]!.lengthBytes);
    const record: DesktopRecord = {
      version: 1, desktopId, name: 'work', epoch: 1, contract, base: null, nextLayer: layers, machine: null, stage: 'settled', commit: null, ...keptHere,
      disks: contract.disks.map((_, disk) => (disk === 0 ? { layers: files.map((file) => ({ file, format: 'qcow2' })), committedLayers } : { layers: [{ file: `disk${disk}-0.qcow2`, format: 'qcow2' }], committedLayers: 0 })),
    };
    await saveRecord(home, record);
    const desktop = new LocalDesktop(home, record);
    const machine = await Machine.launch(launchWith, { home, contract, disks: desktop.layers(), incoming: false, paused: true });
    desktop.attach(machine);
    return new Chain(desktop, machine, expected);
  }
});

class Chain {
  readonly desktop: LocalDesktop;
  readonly machine: Machine;
  /** The byte that each cluster is full of. */
  readonly expected: number[];

  constructor(desktop: LocalDesktop, machine: Machine, expected: number[]) {
    this.desktop = desktop;
    this.machine = machine;
    this.expected = expected;
  }

  files(): string[] {
    return this.desktop.record.disks[0]!.layers.map(({ file }) => file);
  }

  /** As the guest would: into the layer that its disk has. */
  async write(...pages: readonly number[]): Promise<void> {
    for (const page of pages) {
      this.expected[page] = 0xee;
      await this.#io(`write -P 0xee ${page * cluster} 64k`);
    }
    await this.#io('flush');
  }

  async #io(command: string): Promise<void> {
    const said = await this.machine.qmp.execute('human-monitor-command', { 'command-line': `qemu-io -d /machine/peripheral/blk0/virtio-backend "${command}"` });
    assert.doesNotMatch(String(said), /error|fail|onflict/i);
  }

  /** Every merge from now on is slow, until the function that it gives is called. */
  slowly(): () => void {
    const { qmp } = this.machine;
    const execute = qmp.execute.bind(qmp);
    qmp.execute = (command, args, options) => execute(command, command === 'block-commit' ? { ...args, speed: crawlBytesPerSecond } : args, options);
    return () => {
      qmp.execute = execute;
    };
  }

  /** Resolves when a merge is under way and has got somewhere. */
  async underWay(): Promise<void> {
    for (;;) {
      const [state] = (await this.machine.qmp.execute('query-jobs')) as { status: string; 'current-progress': number }[];
      assert.equal(state?.status, 'running');
      if (state['current-progress'] > 0) return;
      await sleep(10);
    }
  }

  async nodes(): Promise<string[]> {
    return (await queryNamedBlockNodes(this.machine.qmp)).map((node) => String(node['node-name'])).filter((name) => name.startsWith('disk0-')).sort();
  }

  /** What the disk says by a chain of these files, whoever has them open: the byte of each cluster. */
  read(files: readonly string[]): number[] {
    const image = files.reduce<unknown>((backing, file) => ({ driver: 'qcow2', file: { driver: 'file', filename: this.desktop.path(file) }, backing }), null);
    const raw = join(this.desktop.home.directory, 'raw');
    execFileSync('qemu-img', ['convert', '-U', '-O', 'raw', `json:${JSON.stringify(image)}`, raw]);
    const bytes = readFileSync(raw);
    return this.expected.map((_, page) => {
      const content = bytes.subarray(page * cluster, (page + 1) * cluster);
      assert.ok(content.equals(Buffer.alloc(cluster, content[0])), `cluster ${page} is torn`);
      return content[0]!;
    });
  }

  /** The clusters that the next checkpoint sends: those that a layer in no checkpoint has. */
  uncommitted(): number[] {
    const { layers, committedLayers } = this.desktop.record.disks[0]!;
    const pages = layers.slice(committedLayers).flatMap(({ file }) => {
      const extents = JSON.parse(execFileSync('qemu-img', ['map', '-U', '--output=json', '-f', 'qcow2', this.desktop.path(file)], { encoding: 'utf8' })) as { start: number; length: number; present: boolean }[];
      return extents.filter(({ present }) => present).flatMap(({ start, length }) => Array.from({ length: length / cluster }, (_, index) => start / cluster + index));
    });
    return [...new Set(pages)].sort((a, b) => a - b);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.machine.end();
  }
}
