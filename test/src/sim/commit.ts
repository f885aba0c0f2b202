import { faultCodes, type FaultCode } from '@godwit/base';
import type { Agent } from './agent.ts';
import type { Answer } from './calls.ts';
import type { Task } from './computer.ts';
import { leave } from './leave.ts';
import type { Local } from './local.ts';

const askMs = 30_000;
const firstPauseMs = 100;
const pauseMsMax = 2_000;
const settlePauseMs = 2_000;

export type CommitOutcome =
  | { readonly kind: 'safe' }
  /** Nobody knows, or it is not proven: the guest stays as it is, and it is asked again. */
  | { readonly kind: 'unknown' }
  /** It never arrived. */
  | { readonly kind: 'unreachable' }
  | { readonly kind: 'refused'; readonly code: FaultCode };

/** apps/agent/src/depart/commit.ts on virtual time: asks until the outcome of the record's commit is known, and proven. */
export function* commitUntilKnown(agent: Agent, local: Local, sentBefore = false): Task<CommitOutcome> {
  const { commit } = local.record;
  if (commit === null) return { kind: 'unreachable' };
  const { world } = agent;
  const startedMs = agent.computer.bootMs();
  let sent = sentBefore;
  for (let pauseMs = firstPauseMs; ; pauseMs = Math.min(pauseMs * 2, pauseMsMax)) {
    const answer = yield* agent.call('commit', { checkpoint: commit, release: true });
    if (answer.kind === 'ok') break;
    if (world.broken === 'unknown-commit-taken-for-failed' && answer.kind === 'unknown') return { kind: 'refused', code: 'COMMIT_REFUSED' };
    if (answer.kind === 'unreachable' && !sent) return answer;
    if (answer.kind === 'refused' && tellsOfTheCommit(agent, answer.code, sent)) return answer;
    sent ||= mayHaveHappened(answer);
    if (agent.computer.bootMs() - startedMs > askMs) return { kind: 'unknown' };
    yield* agent.wait(pauseMs);
  }
  const proof = yield* agent.call('receipt', { commitId: commit.commitId });
  return proof.kind === 'ok' && proof.value ? { kind: 'safe' } : { kind: 'unknown' };
}

function mayHaveHappened(answer: Answer<undefined>): boolean {
  return answer.kind === 'unknown' || (answer.kind === 'refused' && answer.code === 'REQUEST_REPLAYED');
}

/** A request that was refused for its own sake says nothing about one that was sent before it. */
function tellsOfTheCommit({ world }: Agent, code: FaultCode, sent: boolean): boolean {
  const { kind } = faultCodes[code];
  if (kind === 'unavailable' || kind === 'internal') return false;
  if (world.broken === 'word-about-a-request-taken-for-word-about-the-commit') return true;
  if (code === 'REQUEST_REPLAYED') return false;
  return kind !== 'denied' || !sent;
}

/** Goes on asking about a commit whose outcome is not known. Then the desktop is gone from here, or, refused, is what it was before. */
export function* settleCommit(agent: Agent, local: Local): Task {
  if (local.settling || local.record.stage !== 'committing') return;
  local.settling = true;
  for (;;) {
    const outcome = yield* commitUntilKnown(agent, local, true);
    if (agent.locals.get(local.name) !== local) return;
    if (outcome.kind === 'safe') {
      cleared(agent, local);
      return;
    }
    if (outcome.kind === 'refused') {
      local.settling = false;
      yield* refused(agent, local, outcome.code);
      return;
    }
    yield* agent.wait(settlePauseMs);
  }
}

/** It is committed and proven: nothing of it stays here. */
export function cleared(agent: Agent, local: Local): void {
  const { commit } = local.record;
  agent.forget(local, 'safe');
  if (commit !== null) agent.safe(commit);
}

/** The coordinator has refused it for good: what is here runs on, or waits on, unless another epoch is current. */
export function* refused(agent: Agent, local: Local, code: FaultCode): Task {
  agent.world.tell(agent.host.name, () => `commit of ${local.name} is refused: ${code}`);
  yield* agent.update(local, { stage: local.record.saved === null ? 'settled' : 'saved', commit: null });
  local.capturing = false;
  if (faultCodes[code].kind === 'fenced') {
    agent.holder.apply(local, 'superseded');
    // It was told before that its epoch is over, and waited for this.
    if (local.holding === 'superseded') agent.run(leave(agent, local));
  } else local.goOn();
}
