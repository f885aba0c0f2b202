import { wakeAnswerMs } from '@godwit/wire';
import type { Agent } from './agent.ts';
import type { Task } from './computer.ts';
import type { DesktopName } from './state.ts';

/** `godwit start`: from its disk, as after a power cut. */
export function* start(agent: Agent, name: DesktopName): Task {
  const local = agent.locals.get(name);
  const disk = agent.host.disks.get(name);
  if (local?.record.stage !== 'settled' || local.qemu !== undefined || local.record.qemu?.alive === true || local.operation !== undefined || disk === undefined) return;
  local.operation = 'arriving';
  const word = yield* agent.holder.confirm(local, wakeAnswerMs);
  if (agent.holder.asks(local) && (!local.record.strict || word === 'current')) {
    const qemu = local.launch({ ...disk, complete: true });
    yield* agent.update(local, { qemu });
    if (local.record.strict) yield* agent.holder.guarded(local);
    agent.world.tell(agent.host.name, () => `starts ${name} from its disk`);
    local.goOn();
  }
  local.operation = undefined;
}

/** `godwit stop`: its disk stays here. */
export function* stop(agent: Agent, name: DesktopName): Task {
  const local = agent.locals.get(name);
  if (local?.record.stage !== 'settled' || local.operation !== undefined || local.qemu === undefined) return;
  agent.world.tell(agent.host.name, () => `stops ${name}`);
  local.endMachine();
  yield* agent.update(local, { qemu: null });
}

/** `godwit resume --discard`: its user gives up what is here. The lease stays: the next resume here goes on from the newest checkpoint. */
export function* discard(agent: Agent, name: DesktopName): Task {
  const local = agent.locals.get(name);
  if (local === undefined || local.operation !== undefined || !agent.holder.asks(local) || local.record.base === null) return;
  yield* agent.wait(1);
  agent.world.tell(agent.host.name, () => `gives up what is here of ${name}`);
  agent.forget(local, 'lost');
  agent.world.watch.gaveUp(local);
}
