import type { Agent } from './agent.ts';
import { cleared, commitUntilKnown, refused, settleCommit } from './commit.ts';
import type { Task } from './computer.ts';
import { stageOf, type Local } from './local.ts';
import type { Checkpoint, GuestState } from './state.ts';

/** Some of what the parent had, and something new. */
export function nextCheckpoint(agent: Agent, local: Local, state: GuestState): Checkpoint {
  const { world, host } = agent;
  const { desktop, epoch, base } = local.record;
  const kept = (base?.packs ?? []).filter(() => world.dice.chance(0.6));
  return { commitId: world.newId('c'), desktop, sequence: (base?.sequence ?? 0) + 1, epoch, host: host.id, parent: base, state, packs: [...kept, ...agent.newPacks(desktop, epoch)] };
}

/** apps/agent/src/offline/upload.ts: what is saved on this machine becomes the next checkpoint, by the same commit. */
export function* uploadSaved(agent: Agent, local: Local): Task {
  const { saved, epoch, base } = local.record;
  if (local.operation !== undefined || local.record.stage !== 'saved' || saved === null || !agent.holder.asks(local)) return;
  local.operation = 'departing';
  const fenced = yield* send(agent, local, saved, epoch, base);
  local.operation = undefined;
  if (agent.locals.get(local.name) !== local) return;
  if (stageOf(local) === 'committing') agent.run(settleCommit(agent, local));
  else if (fenced) agent.holder.apply(local, 'superseded');
}

function* send(agent: Agent, local: Local, saved: GuestState, epoch: number, base: Checkpoint | null): Task<boolean> {
  const view = yield* agent.call('readDesktop', { desktop: local.name });
  if (view.kind !== 'ok') return false;
  if (view.value.epoch !== epoch) return true;
  if (view.value.owner !== agent.host.id || view.value.head !== base) return false;
  agent.world.tell(agent.host.name, () => `uploads what is saved of ${local.name}`);
  const checkpoint = nextCheckpoint(agent, local, saved);
  const stored = yield* agent.upload(local.name, epoch, checkpoint.packs.filter((pack) => pack.epoch === epoch));
  if (stored !== 'stored') return stored === 'fenced';
  // Its user may have gone on with it here, or it was taken over.
  if (local.record.stage !== 'saved' || !agent.holder.asks(local)) return false;
  yield* agent.update(local, { stage: 'committing', commit: checkpoint });
  const outcome = yield* commitUntilKnown(agent, local);
  if (outcome.kind === 'safe') cleared(agent, local);
  if (outcome.kind === 'refused') yield* refused(agent, local, outcome.code);
  if (outcome.kind === 'unreachable') yield* agent.update(local, { stage: 'saved', commit: null });
  return false;
}
