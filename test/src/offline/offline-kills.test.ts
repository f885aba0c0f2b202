import assert from 'node:assert/strict';
import { existsSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import type { ControlProgress } from '@godwit/wire';
import { assertGoesOn, assertNothingLeft, machineOf, openTwoHosts, startBusy, statusOf, tickOf, waitForState, type TwoHosts } from '../e2e/two-hosts.ts';
import type { GuestTick } from '../house/guest.ts';
import { processesOf } from '../house/process-tree.ts';

/** The agent is killed in each phase of a save here, a resume from it and an upload: the next one finds the desktop running, saved or in the store. */
describe('an agent that dies while it is offline', { timeout: 340_000 }, () => {
  let hosts: TwoHosts;
  let seen: GuestTick;
  let listen: string;

  before(async () => {
    hosts = await openTwoHosts();
    seen = await startBusy(hosts.a, 'work');
    listen = new URL(hosts.house.url).host;
    await hosts.house.stopCoordinator();
  });
  after(() => hosts.house.close());

  for (const phase of ['capture', 'freeze', 'seal']) {
    test(`in the phase ${phase} of a save: the guest runs on, or is saved`, async () => {
      seen = await tickOf(hosts.a, 'work');
      await killedIn(phase, (report) => hosts.a.call('suspend', { name: 'work' }, report));
      const { state } = await statusOf(hosts.a, 'work');
      assert.ok(state === 'running' || state === 'saved', state);
      if (state === 'running') assert.ok(!existsSync(savedDirectory()), 'a save that is none is left');
      else await hosts.a.must('resume', 'work', '--wait');
      seen = await assertGoesOn(hosts.a, 'work', seen);
    });
  }

  for (const phase of ['launch', 'load', 'fill', 'settle']) {
    test(`in the phase ${phase} of a resume: it is saved as it was, or runs`, async () => {
      const { a } = hosts;
      if ((await statusOf(a, 'work')).state === 'running') {
        seen = await tickOf(a, 'work');
        assert.equal((await a.ask('suspend', 'work')).exitCode, 3);
      }
      await killedIn(phase, (report) => a.call('resume', { name: 'work', eager: false, wait: true }, report));
      const { state } = await statusOf(a, 'work');
      assert.ok(state === 'running' || state === 'saved', state);
      if (state === 'saved') {
        assert.deepEqual(processesOf(join(a.home, 'desktops')), []);
        assert.ok(existsSync(savedDirectory()));
      } else assert.ok(!existsSync(savedDirectory()));
    });
  }

  test('and QEMU, which dies while it is loaded: it is saved as it was', async () => {
    const { a } = hosts;
    if ((await statusOf(a, 'work')).state === 'running') {
      seen = await tickOf(a, 'work');
      await a.ask('suspend', 'work');
    }
    const resuming = a.call('resume', { name: 'work', eager: false, wait: true }, ({ phase }) => {
      if (phase === 'fill') process.kill(machineOf(a), 'SIGKILL');
    });
    await resuming.catch(() => undefined); // It may have had everything by then; the state tells.
    const { state } = await waitForState(a, 'work', ['saved', 'stopped']);
    assert.equal(state, 'saved');
    await a.must('resume', 'work', '--wait');
    seen = await assertGoesOn(a, 'work', seen);
    assert.equal((await a.ask('suspend', 'work')).exitCode, 3);
  });

  test('in the middle of an upload: the next agent puts it into the store, once', async () => {
    const { house, a, b } = hosts;
    await house.startCoordinator(listen);
    await killedIn('commit', (report) => a.call('suspend', { name: 'work' }, report));
    await waitForState(a, 'work', ['free'], 60_000);
    assertNothingLeft(a);
    assert.equal((await a.must('history', 'work')).checkpoints.length, 1);
    await b.must('resume', 'work', '--wait');
    await assertGoesOn(b, 'work', seen);
    assert.equal((await b.must('audit')).good, true);
  });

  /** Kills the agent when `work` gets to the phase, and starts it again. Where it was over before that, the phase was too short to be hit. */
  async function killedIn(phase: string, work: (report: (progress: ControlProgress) => void) => Promise<unknown>): Promise<void> {
    const { a } = hosts;
    let killed: Promise<void> | undefined;
    await work((progress) => {
      if (progress.phase === phase) killed ??= a.stopAgent('SIGKILL');
    }).catch(() => undefined); // AGENT_LOST is what is wanted.
    assert.ok(killed !== undefined, `it never came to the phase ${phase}`);
    await killed;
    await a.startAgent();
  }

  function savedDirectory(): string {
    const [desktop] = readdirSync(join(hosts.a.home, 'desktops'));
    return join(hosts.a.home, 'desktops', desktop ?? '', 'saved');
  }
});
