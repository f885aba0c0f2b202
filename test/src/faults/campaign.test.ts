import assert from 'node:assert/strict';
import { rmSync } from 'node:fs';
import { after, before, describe, test } from 'node:test';
import { packsOf } from '../e2e/two-hosts.ts';
import { runFaults, type Campaign } from './campaign.ts';
import type { RealFault } from './fault.ts';
import { registry } from './registry.ts';
import { tallyTable } from './report.ts';
import { tableB } from './table-b.ts';

/** One fault on real processes, and whether the oracles see what they are for. The quick campaign (`.ci/run`) and the full one do the rest. */

const seed = `${Math.random()}`;

function fault(name: string): RealFault {
  const found = registry.find((candidate) => candidate.name === name);
  assert.ok(found !== undefined, `there is no fault ${name}`);
  return found;
}

/** Faults that really violate something, which an oracle that is asleep would let pass. */
const planted: readonly RealFault[] = [
  {
    name: 'planted-set-back', row: tableB.killQemu, does: 'ends QEMU and says that nothing was lost', quickRuns: 1, fullRuns: 1,
    run: async (stage) => {
      for (const { pid } of stage.watch.machines()) process.kill(pid, 'SIGKILL');
      return { ends: ['goes-on'] };
    },
  },
  {
    name: 'planted-loss', row: tableB.store, does: 'removes an object of a checkpoint that was acknowledged', quickRuns: 1, fullRuns: 1,
    run: async (stage) => {
      rmSync(packsOf(stage.house)[0]!);
      return { ends: ['goes-on'] };
    },
  },
];

describe('real faults', { timeout: 345_000 }, () => {
  let campaign: Campaign;
  const lines: string[] = [];
  const done = ['take-over-out-of-reach'];

  before(async () => {
    campaign = await runFaults({ faults: [...done.map(fault), ...planted], seed, runsOf: () => 1, tell: (line) => lines.push(line) });
  });
  after(() => assert.equal(campaign.seed, seed));

  test('a take-over of a holder that is cut off leaves one line, one owner, and nothing lost', (t) => {
    for (const line of tallyTable(campaign.tallies.filter(({ name }) => done.includes(name))).split('\n')) t.diagnostic(line);
    assert.deepEqual(campaign.findings.filter((finding) => !finding.startsWith('planted')), [], `seed ${seed}\n${lines.join('\n')}`);
    assert.deepEqual(campaign.tallies.map(({ name, runs }) => [name, runs]), [...done, ...planted.map(({ name }) => name)].map((name) => [name, 1]));
  });

  test('a guest that was set back, and an object that is gone, are found', () => {
    assert.match(campaign.findings.filter((finding) => finding.startsWith('planted-set-back')).join('\n'), /not goes-on/);
    assert.match(campaign.findings.filter((finding) => finding.startsWith('planted-loss')).join('\n'), /godwit verify --data: 1 missing/);
  });

  test('each has a name of its own, a row of the table, and runs in a full campaign', () => {
    assert.equal(new Set(registry.map(({ name }) => name)).size, registry.length);
    const rows: readonly string[] = Object.values(tableB);
    for (const { name, row, fullRuns, quickRuns, does } of registry) {
      assert.ok(rows.includes(row), name);
      assert.ok(fullRuns >= 1 && fullRuns >= quickRuns && /^[a-z0-9-]+$/.test(name) && does !== '', name);
    }
  });
});
