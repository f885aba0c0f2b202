import { wakeAnswerMs } from '@godwit/wire';
import type { Agent } from './agent.ts';
import type { Answer } from './calls.ts';
import type { Task } from './computer.ts';
import type { Local } from './local.ts';
import type { DesktopName } from './state.ts';

const attempts = 6;
const againMs = 500;

/** `godwit policy NAME --offline`: apps/agent/src/desktop/offline-policy.ts. */
export function* changePolicy(agent: Agent, name: DesktopName, strict: boolean): Task {
  const local = agent.locals.get(name);
  const stamp = (agent.world.stamps += 1);
  if (local === undefined) yield* store(agent, name, strict, stamp);
  else if (strict) yield* becomeStrict(agent, local, stamp);
  else yield* becomeLenient(agent, local, stamp);
}

/** First this host, then the coordinator: at no time is somebody told "strict" whose guest could run on alone. */
function* becomeStrict(agent: Agent, local: Local, stamp: number): Task {
  const askedMs = agent.holder.nowMs();
  if ((yield* agent.holder.confirm(local, wakeAnswerMs)) !== 'current' || local.record.strict) return;
  const { policyStamp } = local.record;
  yield* agent.update(local, { strict: true, policyStamp: stamp });
  const sentMs = agent.holder.nowMs();
  const guarded = yield* agent.holder.followPolicy(local, askedMs);
  const stored: Answer<undefined> = guarded ? yield* store(agent, local.name, true, stamp) : { kind: 'unreachable' };
  if (stored.kind === 'ok') yield* agent.holder.renewed(local, sentMs);
  else if (stored.kind === 'refused' || !guarded) {
    yield* agent.update(local, { strict: false, policyStamp });
    yield* agent.holder.followPolicy(local);
  }
}

/** The other way round: this host goes by the lease until nobody else does. */
function* becomeLenient(agent: Agent, local: Local, stamp: number): Task {
  const stored = yield* store(agent, local.name, false, stamp);
  if (stored.kind !== 'ok') return;
  yield* agent.update(local, { strict: false, policyStamp: stamp });
  yield* agent.holder.followPolicy(local);
}

/** Repeating it means the same. */
function* store(agent: Agent, desktop: DesktopName, strict: boolean, stamp: number): Task<Answer<undefined>> {
  for (let attempt = 1; ; attempt += 1) {
    const answer = yield* agent.call('savePolicy', { desktop, strict, stamp });
    if (answer.kind === 'ok' || (answer.kind === 'refused' && answer.code !== 'REQUEST_REPLAYED') || attempt === attempts) return answer;
    yield* agent.wait(againMs);
  }
}

/** The coordinator holds a desktop leniently that is strict here: a later policy is followed, an older one is replaced by the one known here. */
export function* mendPolicy(agent: Agent, local: Local): Task {
  if (local.mending) return;
  local.mending = true;
  const view = yield* agent.call('readDesktop', { desktop: local.name });
  if (view.kind === 'ok' && agent.locals.get(local.name) === local && local.record.strict) {
    const { policy } = view.value;
    if (policy.stamp < local.record.policyStamp) yield* agent.call('savePolicy', { desktop: local.name, strict: true, stamp: local.record.policyStamp });
    else if (!policy.strict) {
      yield* agent.update(local, { strict: false, policyStamp: policy.stamp });
      yield* agent.holder.followPolicy(local);
    }
  }
  local.mending = false;
}
