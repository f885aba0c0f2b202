import { wakeAnswerMs } from '@godwit/wire';
import type { Agent } from './agent.ts';
import type { Acquired } from './calls.ts';
import type { Task } from './computer.ts';
import { stageOf, type Local } from './local.ts';
import type { DesktopName } from './state.ts';

/** `godwit resume`: from the store, or from this machine. */
export function* resume(agent: Agent, name: DesktopName): Task {
  if (agent.arriving.has(name)) return;
  agent.arriving.add(name);
  yield* resumeOnce(agent, name);
  agent.arriving.delete(name);
}

function* resumeOnce(agent: Agent, name: DesktopName): Task {
  const { world, host } = agent;
  const local = agent.locals.get(name);
  if (local !== undefined) {
    if (local.record.stage === 'saved') yield* resumeHere(agent, local);
    return;
  }
  const view = yield* agent.call('readDesktop', { desktop: name });
  if (view.kind !== 'ok' || view.value.head === null || (view.value.owner !== null && view.value.owner !== host.id)) return;
  if (view.value.owner === host.id && world.broken !== 'epoch-taken-up-again') {
    // It was lost here. A release or a commit of that epoch may still be under way: first it has to be over.
    const released = yield* agent.call('release', { desktop: name, epoch: view.value.epoch });
    if (released.kind !== 'ok') return;
  }
  const sentMs = agent.holder.nowMs();
  const acquired = yield* agent.call('acquire', { desktop: name, expectedHead: view.value.head.commitId });
  if (acquired.kind === 'ok') yield* arrive(agent, name, acquired.value, sentMs);
}

/** apps/agent/src/arrive/arrive.ts: proof, record, fetch, launch, run, fill. On failure nothing of it is left here, and its lease is free again. */
export function* arrive(agent: Agent, name: DesktopName, { epoch, head, strict, policyStamp }: Acquired, sentMs: number): Task {
  const { world, host } = agent;
  if (head === null || agent.locals.has(name)) return;
  const proof = yield* agent.call('receipt', { commitId: head.commitId });
  const first = head.packs[0];
  const fetched = first === undefined || (proof.kind === 'ok' && proof.value && (yield* world.store.get(agent, host, first)) === 'done');
  // Some machines turn out not to be fit for it just now.
  if (!fetched || world.dice.chance(0.06) || agent.locals.has(name)) {
    yield* agent.call('release', { desktop: name, epoch });
    return;
  }
  const local = agent.add({ desktop: name, epoch, base: head, stage: 'arriving', commit: null, strict, policyStamp, asleep: false, saved: null, left: null, qemu: null });
  local.operation = 'arriving';
  host.disks.delete(name);
  agent.holder.watch(local);
  yield* agent.update(local, {});
  const qemu = local.launch({ base: head.state, counter: head.state.counter, complete: false });
  yield* agent.update(local, { qemu });
  yield* agent.holder.renewed(local, sentMs);
  world.tell(host.name, () => `${name} arrived in epoch ${epoch} with checkpoint ${head.sequence}`);
  local.goOn();
  local.operation = 'filling';
  agent.run(fill(agent, local));
}

/** The rest comes while it runs. A store that is out of reach is waited for. */
function* fill(agent: Agent, local: Local): Task {
  const { world, host } = agent;
  for (const pack of local.record.base?.packs ?? []) {
    for (;;) {
      const got = yield* world.store.get(agent, host, pack);
      if (got === 'done') break;
      if (got === 'missing') {
        // Taken over while it fetched, for so long that its checkpoint was dropped and collected: it cannot be completed any more.
        world.watch.missing(pack.key, local);
        local.endMachine();
      }
      if (local.qemu?.alive !== true) break;
      yield* agent.wait(2_000);
    }
  }
  yield* agent.wait(world.dice.spread(500, 20_000));
  const { qemu } = local;
  if (qemu?.alive !== true) {
    // Lost before it had everything: the next resume goes on from its checkpoint.
    world.tell(host.name, () => `${local.name} is lost here`);
    agent.forget(local, 'lost');
    return;
  }
  if (local.record.stage === 'arriving') yield* agent.update(local, { stage: 'settled' });
  qemu.complete = true;
  local.operation = undefined;
}

/** apps/agent/src/offline/resume-here.ts: needs nobody, unless the desktop is strict. */
export function* resumeHere(agent: Agent, local: Local): Task {
  const { world, host } = agent;
  const word = yield* agent.holder.confirm(local, wakeAnswerMs);
  const { saved, strict } = local.record;
  if (local.operation !== undefined || local.record.stage !== 'saved' || saved === null || !agent.holder.asks(local)) return;
  if (strict && word !== 'current') return;
  local.operation = 'filling';
  const qemu = local.launch({ base: saved, counter: saved.counter, complete: false });
  yield* agent.update(local, { qemu });
  if (strict && !(yield* agent.holder.guarded(local))) local.hold();
  world.tell(host.name, () => `resumes ${local.name} from this machine, counter ${Math.round(saved.counter)}`);
  local.goOn();
  yield* agent.wait(world.dice.spread(300, 10_000));
  if (qemu.alive && local.qemu === qemu && stageOf(local) === 'saved') {
    if (world.broken === 'saved-state-resumed-twice') agent.run(settleLate(agent, local));
    else yield* agent.update(local, { stage: 'settled', saved: null });
    qemu.complete = true;
  } else if (!qemu.alive) local.endMachine();
  local.operation = undefined;
}

function* settleLate(agent: Agent, local: Local): Task {
  yield* agent.wait(20_000);
  if (local.record.stage === 'saved') yield* agent.update(local, { stage: 'settled', saved: null });
}
