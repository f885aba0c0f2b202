import type { Agent } from './agent.ts';
import { cleared, commitUntilKnown, refused, settleCommit } from './commit.ts';
import { until, type Task } from './computer.ts';
import { stageOf, type Local } from './local.ts';
import { nextCheckpoint, uploadSaved } from './upload.ts';
import type { Checkpoint, DesktopName, GuestState } from './state.ts';

const qmpMs = 10_000;

/** `godwit suspend`: into the store, or, where that or the coordinator is out of reach, onto this machine. */
export function* suspend(agent: Agent, name: DesktopName): Task {
  const local = agent.locals.get(name);
  if (local === undefined || local.operation !== undefined || local.record.stage === 'left' || local.record.stage === 'committing') return;
  if (local.record.stage === 'saved') {
    yield* uploadSaved(agent, local);
    return;
  }
  if (local.qemu?.alive !== true) return;
  local.operation = 'departing';
  agent.world.tell(agent.host.name, () => `suspends ${name}`);
  const way = yield* depart(agent, local);
  if (way === 'out-of-reach') yield* saveHere(agent, local);
  local.operation = undefined;
  if (stageOf(local) !== 'committing') local.capturing = false;
  if (agent.locals.get(name) !== local) return;
  if (stageOf(local) === 'committing') agent.run(settleCommit(agent, local));
  else if (stageOf(local) === 'settled') local.goOn();
}

/** apps/agent/src/depart/depart.ts: check, capture, upload, commit, clear. */
function* depart(agent: Agent, local: Local): Task<'ended' | 'out-of-reach'> {
  const { record } = local;
  const view = yield* agent.call('readDesktop', { desktop: record.desktop });
  if (view.kind !== 'ok') return view.kind === 'refused' && view.code === 'HOST_REVOKED' ? 'ended' : 'out-of-reach';
  if (view.value.owner !== agent.host.id || view.value.epoch !== record.epoch) {
    if (view.value.epoch !== record.epoch) agent.holder.apply(local, 'superseded');
    return 'ended';
  }
  if (view.value.head !== record.base) return 'ended';
  const state = yield* capture(agent, local);
  if (state === undefined) return 'ended';
  const checkpoint = nextCheckpoint(agent, local, state);
  const stored = yield* agent.upload(record.desktop, record.epoch, checkpoint.packs.filter(({ epoch }) => epoch === record.epoch));
  if (stored !== 'stored') return yield* rollBack(agent, local, stored);
  if (agent.world.broken === 'safe-without-proof') agent.safe(checkpoint);
  return yield* commit(agent, local, checkpoint);
}

function* commit(agent: Agent, local: Local, checkpoint: Checkpoint): Task<'ended' | 'out-of-reach'> {
  const { world } = agent;
  if (world.broken === 'commit-sent-before-the-record') {
    const first = yield* agent.call('commit', { checkpoint, release: true });
    if (first.kind !== 'ok') return yield* rollBack(agent, local, 'failed');
    yield* agent.wait(2_000);
  }
  yield* agent.update(local, { stage: 'committing', commit: checkpoint });
  if (agent.locals.get(local.name) !== local) return 'ended';
  if (world.broken === 'cleared-before-known') {
    agent.run(lateCommit(agent, checkpoint));
    agent.forget(local, 'safe');
    return 'ended';
  }
  const outcome = yield* commitUntilKnown(agent, local);
  if (outcome.kind === 'safe') cleared(agent, local);
  if (outcome.kind === 'refused') yield* refused(agent, local, outcome.code);
  if (outcome.kind !== 'unreachable') return 'ended';
  yield* agent.update(local, { stage: 'settled', commit: null });
  return 'out-of-reach';
}

function* lateCommit(agent: Agent, checkpoint: Checkpoint): Task {
  yield* agent.call('commit', { checkpoint, release: true });
}

/** The guest runs on here, if it may. */
function* rollBack(agent: Agent, local: Local, why: 'fenced' | 'failed'): Task<'ended' | 'out-of-reach'> {
  yield* agent.wait(1);
  if (why === 'failed') return 'out-of-reach';
  local.capturing = false;
  agent.holder.apply(local, 'superseded');
  return 'ended';
}

/** Copied while it runs, then paused for the rest. A QEMU that does not answer is not captured. */
function* capture(agent: Agent, local: Local): Task<GuestState | undefined> {
  const { qemu } = local;
  if (qemu === undefined) return undefined;
  if (!local.capturing) yield* agent.wait(agent.world.dice.spread(100, 8_000));
  if (local.qemu !== qemu || !qemu.alive) return undefined;
  local.capturing = true;
  const paused = yield* until<boolean>((goOn) => {
    agent.after(qmpMs, () => goOn(false));
    qemu.pause(() => agent.deliver(() => goOn(true)));
  });
  if (paused && agent.host.qemus.has(qemu) && agent.locals.get(local.name) === local && qemu.complete) return qemu.capture();
  local.capturing = false;
  return undefined;
}

/** apps/agent/src/offline/save-here.ts: sealed on this machine only, with nothing said about safety. */
function* saveHere(agent: Agent, local: Local): Task {
  if (!agent.holder.asks(local) || local.record.stage !== 'settled') return;
  const state = yield* capture(agent, local);
  if (state === undefined) return;
  yield* agent.wait(agent.world.dice.spread(200, 5_000));
  // Superseded meanwhile: what is here goes into a fork instead.
  if (agent.holder.asks(local) && local.qemu?.alive === true) {
    yield* agent.update(local, { stage: 'saved', saved: state });
    agent.world.tell(agent.host.name, () => `${local.name} is saved on this machine only, counter ${Math.round(state.counter)}`);
    local.endMachine();
  }
  local.capturing = false;
}
