import type { Agent } from './agent.ts';
import type { Task } from './computer.ts';
import type { Checkpoint, DesktopName } from './state.ts';

const askMs = 30_000;
const pauseMs = 500;

/** The compaction of `godwit prune`: takes the lease of a free desktop, and commits the same state in new packs. apps/agent/src/desktop/compact.ts. */
export function* compact(agent: Agent, desktop: DesktopName): Task {
  const { host, world } = agent;
  if (agent.arriving.has(desktop) || agent.locals.has(desktop)) return;
  const view = yield* agent.call('readDesktop', { desktop });
  if (view.kind !== 'ok' || view.value.owner !== null || view.value.head === null) return;
  const { head } = view.value;
  const acquired = yield* agent.call('acquire', { desktop, expectedHead: head.commitId });
  if (acquired.kind !== 'ok') return;
  const { epoch } = acquired.value;
  const packs = agent.newPacks(desktop, epoch);
  const checkpoint: Checkpoint = { commitId: world.newId('c'), desktop, sequence: head.sequence + 1, epoch, host: host.id, parent: head, state: head.state, packs };
  const known = (yield* agent.upload(desktop, epoch, packs)) === 'stored' ? yield* commit(agent, checkpoint) : true;
  // One of unknown outcome keeps the lease: nobody may go on from the old head while the new one may be committed.
  if (known) yield* agent.call('release', { desktop, epoch });
}

/** False: nobody knows whether it was committed. */
function* commit(agent: Agent, checkpoint: Checkpoint): Task<boolean> {
  const startedMs = agent.computer.bootMs();
  while (agent.computer.bootMs() - startedMs < askMs) {
    const answer = yield* agent.call('commit', { checkpoint, release: true });
    if (answer.kind === 'ok' || (answer.kind === 'refused' && answer.code === 'EPOCH_FENCED')) return true;
    yield* agent.wait(pauseMs);
  }
  return false;
}
