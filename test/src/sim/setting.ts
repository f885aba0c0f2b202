import type { Agent } from './agent.ts';
import { resume } from './arrive.ts';
import type { Task } from './computer.ts';
import type { Host } from './host.ts';
import type { GuestState } from './state.ts';
import { suspend } from './suspend.ts';
import type { World } from './world.ts';

/** The beginning: a coordinator, agents, and one or two desktops that run where they were created, some of them strict. */
export function begin(world: World): void {
  const { dice, coordinator, hosts } = world;
  coordinator.start();
  for (const host of hosts) host.startAgent();
  const count = 1 + dice.below(2);
  const strictShare = dice.pick([0.1, 0.5, 0.9]);
  for (let number = 1; number <= count; number += 1) create(world, `desktop-${number}`, dice.pick(hosts)!, dice.chance(strictShare));
}

function create(world: World, name: string, host: Host, strict: boolean): void {
  const { agent } = host;
  if (agent === undefined) return;
  const stamp = (world.stamps += 1);
  const policy = { strict, stamp };
  world.coordinator.database.desktops.set(name, { name, createdBy: host.id, holder: host.id, held: true, epoch: 1, strict, policy, head: null, retention: Infinity });
  world.coordinator.database.append('created', host.id, name, 1);
  world.watch.owned(name, 1, host.id, 'created');
  world.tell(host.name, () => `${name} is created, ${strict ? 'strict' : 'keep'}`);
  const base: GuestState = { parent: null, counter: 0 };
  const local = agent.add({ desktop: name, epoch: 1, base: null, stage: 'settled', commit: null, strict, policyStamp: stamp, asleep: false, saved: null, left: null, qemu: null });
  const qemu = local.launch({ base, counter: 0, complete: true });
  local.record = { ...local.record, qemu };
  host.records.set(name, local.record);
  agent.holder.watch(local);
  agent.run(firstRun(agent, name));
}

function* firstRun(agent: Agent, name: string): Task {
  const local = agent.locals.get(name);
  if (local === undefined) return;
  yield* agent.holder.confirm(local, 10_000);
  local.goOn();
  yield* agent.wait(2_000);
  // Most have been somewhere else before anything happens to them; what was never saved cannot be taken over.
  if (agent.world.dice.chance(0.8)) yield* move(agent, name, agent.world.dice.pick(agent.world.hosts)!);
}

function* move(agent: Agent, name: string, to: Host): Task {
  yield* suspend(agent, name);
  if (to.agent !== undefined) to.agent.run(resume(to.agent, name));
}
