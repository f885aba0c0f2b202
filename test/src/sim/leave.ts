import type { Agent } from './agent.ts';
import type { Task } from './computer.ts';
import { cleared, commitUntilKnown } from './commit.ts';
import type { Local } from './local.ts';
import type { Checkpoint, GuestState } from './state.ts';

const operationPollMs = 50;
const firstPauseMs = 500;
const pauseMsMax = 30_000;

/** apps/agent/src/left: what is here of a desktop that another host took over becomes a desktop of its own. */
export function* leave(agent: Agent, local: Local): Task {
  const { broken } = agent.world;
  while (local.operation !== undefined) yield* agent.wait(operationPollMs);
  if (agent.locals.get(local.name) !== local) return;
  // The commit's own answer tells whether there is anything to fork.
  if (local.record.stage === 'committing' && broken !== 'forks-before-the-commit-is-known') return;
  local.operation = 'leaving';
  if (local.record.stage !== 'left') {
    const { qemu } = local;
    if (qemu !== undefined && !qemu.complete && local.record.saved === null && local.record.stage === 'arriving') {
      // What it had not fetched it can still fetch: the store is there for every host of the account.
      qemu.complete = true;
    }
    yield* agent.update(local, { stage: 'left', commit: null, left: { desktop: agent.world.newId('f'), commitId: agent.world.newId('c'), checkpoint: null } });
    agent.world.tell(agent.host.name, () => `${local.name} was taken over: what is here becomes ${local.record.left!.desktop}`);
  }
  for (let pauseMs = firstPauseMs; ; pauseMs = Math.min(pauseMs * 2, pauseMsMax)) {
    if (yield* leaveOnce(agent, local)) return;
    yield* agent.wait(pauseMs);
  }
}

/** True: it is done. */
function* leaveOnce(agent: Agent, local: Local): Task<boolean> {
  const { left, commit } = local.record;
  if (left === null) return true;
  if (commit === null) {
    const created = yield* agent.call('createDesktop', { desktop: left.desktop });
    if (created.kind !== 'ok') return false;
    // A QEMU that does not answer may have what its folder has not.
    if (local.qemu === undefined && local.record.qemu?.alive === true) return false;
    const state = stateOf(local);
    if (state === undefined) {
      agent.forget(local, 'lost');
      return true;
    }
    const { commitId } = left;
    const checkpoint: Checkpoint = { commitId, desktop: left.desktop, sequence: 1, epoch: 1, host: agent.host.id, parent: null, state, packs: agent.newPacks(left.desktop, 1) };
    if ((yield* agent.upload(left.desktop, 1, checkpoint.packs)) !== 'stored') return false;
    yield* agent.update(local, { commit: checkpoint });
  }
  const outcome = yield* commitUntilKnown(agent, local, true);
  if (outcome.kind === 'refused') yield* agent.update(local, { commit: null });
  if (outcome.kind !== 'safe') return false;
  agent.world.watch.forked(local, local.record.commit!);
  cleared(agent, local);
  return true;
}

/** Its machine's, else what was saved here, else its disk's. A guest that never ran here has none. */
function stateOf(local: Local): GuestState | undefined {
  const { qemu, record } = local;
  if (qemu?.alive === true) return qemu.complete || record.saved === null ? qemu.capture() : record.saved;
  if (record.saved !== null) return record.saved;
  const disk = local.agent.host.disks.get(local.name);
  return disk === undefined ? undefined : { parent: disk.base, counter: disk.counter };
}
