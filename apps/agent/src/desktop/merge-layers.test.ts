import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import { newId, silentLog, systemRandom, type DesktopId } from '@godwit/base';
import { homeAt } from '../home.ts';
import { newContract } from '../machine/contract.ts';
import { createImage, mapImage } from '../machine/image-tool.ts';
import type { Host } from './host.ts';
import { LocalDesktop } from './local-desktop.ts';
import { mergeLayers } from './merge-layers.ts';
import { keptHere, loadRecord, type DesktopRecord } from './record.ts';

const cluster = 65_536;
const host = { log: silentLog } as Host;

describe('a chain that grew long', () => {
  let directory = '';
  before(() => { directory = mkdtempSync(join(tmpdir(), 'godwit-merge-')); });
  after(() => rmSync(directory, { recursive: true }));

  /** `layers` qcow2 layers, each with a cluster of its own; the first `committedLayers` are in a checkpoint. */
  async function desktopOf(layers: number, committedLayers: number): Promise<LocalDesktop> {
    const desktopId = newId<DesktopId>(systemRandom);
    const home = homeAt(directory).desktop(desktopId);
    mkdirSync(home.machineDirectory, { recursive: true });
    const files = Array.from({ length: layers }, (_, level) => `disk0-${level}.qcow2`);
    for (const [level, file] of files.entries()) {
      await createImage(join(home.machineDirectory, file), 16 * cluster);
      execFileSync('qemu-io', ['-c', `write -P ${level + 1} ${level * cluster} 64k`, join(home.machineDirectory, file)], { stdio: 'ignore' });
    }
    const contract = newContract({ cpus: 1, memoryBytes: 2 ** 28, diskBytes: 16 * cluster, accelerator: 'tcg', firmware: { file: 'bios', lengthBytes: 1, sha256: 'a'.repeat(64) }, qemuVersion: '7.2.0' }, systemRandom);
    const record: DesktopRecord = {
      version: 1, desktopId, name: 'work', epoch: 1, contract, base: null, nextLayer: layers, machine: null, stage: 'settled', commit: null, ...keptHere,
      disks: [{ layers: files.map((file) => ({ file, format: 'qcow2' as const })), committedLayers }],
    };
    return new LocalDesktop(home, record);
  }

  const clustersOf = async (path: string): Promise<number[]> => (await mapImage(path, 'qcow2')).filter(({ offsetBytes }) => offsetBytes !== undefined).flatMap(({ startBytes, lengthBytes }) => Array.from({ length: lengthBytes / cluster }, (_, index) => startBytes / cluster + index));

  test('becomes one layer above what is in a checkpoint, on disk and in the record', async () => {
    const desktop = await desktopOf(11, 2);
    await mergeLayers(host, desktop);
    const [disk] = (await loadRecord(desktop.home))!.disks;
    assert.deepEqual(disk?.layers.map(({ file }) => file), ['disk0-0.qcow2', 'disk0-1.qcow2', 'disk0-2.qcow2']);
    assert.deepEqual(await clustersOf(desktop.path('disk0-2.qcow2')), [2, 3, 4, 5, 6, 7, 8, 9, 10]);
    assert.deepEqual(await clustersOf(desktop.path('disk0-1.qcow2')), [1]);
    assert.ok(!existsSync(desktop.path('disk0-3.qcow2')));
  });

  test('is merged below what the next checkpoint sends too, down to a raw image', async () => {
    const desktop = await desktopOf(8, 6);
    const raw = 'disk0-base.raw';
    execFileSync('qemu-img', ['convert', '-O', 'raw', desktop.path('disk0-0.qcow2'), desktop.path(raw)]);
    const [disk] = desktop.record.disks;
    await desktop.update({ disks: [{ ...disk!, layers: [{ file: raw, format: 'raw' }, ...disk!.layers.slice(1)] }] });
    await mergeLayers(host, desktop);
    const [merged] = (await loadRecord(desktop.home))!.disks;
    assert.deepEqual(merged?.layers.map(({ file }) => file), [raw, 'disk0-6.qcow2', 'disk0-7.qcow2']);
    assert.equal(merged.committedLayers, 1);
    const bytes = readFileSync(desktop.path(raw));
    assert.deepEqual([0, 1, 5, 6].map((page) => bytes[page * cluster]), [1, 2, 6, 0]);
  });

  test('stays as it is while it is short', async () => {
    const desktop = await desktopOf(6, 2);
    await mergeLayers(host, desktop);
    assert.equal(desktop.record.disks[0]?.layers.length, 6);
    assert.deepEqual(await clustersOf(desktop.path('disk0-2.qcow2')), [2]);
  });

  test('stays whole where a layer cannot be merged', async () => {
    const desktop = await desktopOf(11, 1);
    rmSync(desktop.path('disk0-5.qcow2'));
    await mergeLayers(host, desktop);
    assert.equal(desktop.record.disks[0]?.layers.length, 11);
    assert.ok(existsSync(desktop.path('disk0-10.qcow2')));
  });
});
