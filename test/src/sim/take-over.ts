import type { Agent } from './agent.ts';
import { arrive, resume } from './arrive.ts';
import type { Task } from './computer.ts';
import type { DesktopName } from './state.ts';

const departureMs = 40_000;
const lookMs = 2_000;
const attempts = 4;

/** `godwit takeover`: asks a holder that is in reach to depart, takes over from one that is not. Its user insists. */
export function* takeOver(agent: Agent, name: DesktopName, ask: boolean): Task {
  if (agent.arriving.has(name) || agent.locals.has(name)) return;
  agent.arriving.add(name);
  const free = yield* insist(agent, name, ask);
  agent.arriving.delete(name);
  if (free) yield* resume(agent, name);
}

/** True: it is free, so there is nothing to take over. */
function* insist(agent: Agent, name: DesktopName, ask: boolean): Task<boolean> {
  const { world, host } = agent;
  let asked = !ask;
  for (let attempt = 0; attempt < attempts; attempt += 1) {
    const holding = yield* agent.call('readHolding', { desktop: name });
    if (holding.kind !== 'ok' || holding.value.head === null) return false;
    const { holder, epoch, inReach, takeOverInMs, head } = holding.value;
    if (holder === null || holder === host.id) return true;
    if (inReach && !asked) {
      asked = true;
      if (yield* askDeparture(agent, name, epoch)) return true;
      continue;
    }
    // Most wait as they are told, some see whether it is meant.
    if (takeOverInMs > 0 && world.dice.chance(0.7)) {
      yield* agent.wait(Math.min(takeOverInMs * 1.05 + 50, 60_000));
      continue;
    }
    world.tell(host.name, () => `takes ${name} over from ${holder} in epoch ${epoch}`);
    const sentMs = agent.holder.nowMs();
    const taken = yield* agent.call('takeOver', { desktop: name, epoch, expectedHead: head.commitId });
    if (taken.kind === 'ok') {
      yield* arrive(agent, name, taken.value, sentMs);
      return false;
    }
    yield* agent.wait(500);
  }
  return false;
}

/** True: it departed, or another epoch began. */
function* askDeparture(agent: Agent, name: DesktopName, epoch: number): Task<boolean> {
  const asked = yield* agent.call('askDeparture', { desktop: name, epoch });
  if (asked.kind !== 'ok') return false;
  for (let waitedMs = 0; waitedMs < departureMs; waitedMs += lookMs) {
    yield* agent.wait(lookMs);
    const view = yield* agent.call('readDesktop', { desktop: name });
    if (view.kind === 'ok' && (view.value.owner === null || view.value.epoch !== epoch)) return true;
  }
  return false;
}
