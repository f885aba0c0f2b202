import type { Agent } from './agent.ts';
import { resume } from './arrive.ts';
import type { Task } from './computer.ts';
import { compact } from './compact.ts';
import { changePolicy } from './policy.ts';
import { discard, start, stop } from './start.ts';
import { suspend } from './suspend.ts';
import { takeOver } from './take-over.ts';
import type { DesktopName } from './state.ts';
import type { World } from './world.ts';

/** What a person does next, seldom with a plan: any of it, anywhere. */
export function actOfUser(world: World): void {
  const { dice, hosts, coordinator } = world;
  const { agent } = dice.pick(hosts)!;
  if (agent?.running !== true) return;
  // Forks are looked at now and then; what matters goes on with the desktops of the beginning.
  const names = [...coordinator.database.desktops.keys()].filter((name) => name.startsWith('d') || dice.chance(0.1));
  const name = dice.pick(names);
  const task = name === undefined ? undefined : wish(agent, world, name);
  if (task !== undefined) agent.run(task);
}

function wish(agent: Agent, world: World, name: DesktopName): Task | undefined {
  const { dice } = world;
  const here = agent.locals.get(name);
  const throwOf = dice.throw();
  if (here !== undefined) {
    if (throwOf < 0.45) return suspend(agent, name);
    if (throwOf < 0.65) return here.record.stage === 'saved' ? resume(agent, name) : start(agent, name);
    if (throwOf < 0.68) return stop(agent, name);
    if (throwOf < 0.7) return discard(agent, name);
    if (throwOf < 0.85) return changePolicy(agent, name, dice.chance(0.5));
    return throwOf < 0.95 ? undefined : prune(agent, name);
  }
  if (throwOf < 0.5) return persist(agent, name);
  if (throwOf < 0.9) return takeOver(agent, name, dice.chance(0.6));
  if (throwOf < 0.92) return changePolicy(agent, name, dice.chance(0.5));
  if (throwOf < 0.94) return compact(agent, name);
  return throwOf < 0.96 ? prune(agent, name) : revokeSomebody(agent, world);
}

/** Whoever is told that it did not work tries again. */
function* persist(agent: Agent, name: DesktopName): Task {
  for (let attempt = 0; attempt < 4 && !agent.locals.has(name); attempt += 1) {
    yield* resume(agent, name);
    yield* agent.wait(agent.world.dice.spread(200, 10_000));
  }
}

function* prune(agent: Agent, desktop: DesktopName): Task {
  yield* agent.call('prune', { desktop, keep: 1 + agent.world.dice.below(3) });
}

/** One machine is lost for good, at most, and somebody has to stay. */
function* revokeSomebody(agent: Agent, { hosts, coordinator, dice }: World): Task {
  const others = hosts.filter((host) => host !== agent.host);
  if (coordinator.database.revoked.size > 0 || hosts.length < 3 ) return;
  const lost = dice.pick(others)!;
  const held = [...coordinator.database.desktops.values()].filter((row) => row.held && row.holder === lost.id);
  if ((yield* agent.call('revoke', { host: lost.id })).kind === 'ok') for (const { name } of held) yield* takeOver(agent, name, false);
}
