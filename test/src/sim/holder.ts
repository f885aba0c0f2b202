import { mayRun, nextHolding, type HoldingEvent } from '@godwit/agent';
import { askEveryMs, guardPauseMs, leaseTermMs, renewEveryMs, wakeAnswerMs } from '@godwit/wire';
import type { Agent } from './agent.ts';
import type { BrokenRule } from './broken-rules.ts';
import type { RenewedLease } from './calls.ts';
import { until, type Task, type Timer } from './computer.ts';
import { leave } from './leave.ts';
import type { Local } from './local.ts';
import { mendPolicy } from './policy.ts';
import { uploadSaved } from './upload.ts';

const answerMs = 4_000;
const againMs = 250;
const tickMs = 250;
const guardAheadMs = 1_000;
/** A sleep that was announced and has not come by then does not come. */
const sleepDueMs = 30_000;
const guardAnswerMs = 2_000;

const countsLate: ReadonlySet<BrokenRule | undefined> = new Set<BrokenRule>(['deadline-from-the-answer', 'answer-from-before-sleep-counts', 'superseded-is-not-final']);

export type Word = 'current' | 'superseded' | 'released' | 'silence';

/** apps/agent/src/lease/lease-holder.ts on virtual time: the same questions at the same times, the real table, the same actions. */
export class Holder {
  readonly #agent: Agent;
  /** Changes whenever the machine sleeps or wakes up: an answer counts only in the era of its question. */
  #era = 0;
  #eraBeganMs = -Infinity;
  #nextAskMs = 0;
  #asking = false;
  #timer: Timer | undefined;
  /** The machine woke up and this agent has not looked yet. */
  #slept = false;

  constructor(agent: Agent) {
    this.#agent = agent;
  }

  /** The clock of leases. */
  nowMs(): number {
    const { computer, world } = this.#agent;
    return world.broken === 'deadline-on-the-working-clock' ? computer.workMs() : computer.bootMs();
  }

  watch(local: Local): void {
    const { stage, asleep, strict } = local.record;
    if (stage === 'left') local.holding = 'superseded';
    else if (asleep) local.holding = 'asking';
    else local.holding = strict ? 'waiting' : 'alone';
    this.#askBy(this.nowMs() + renewEveryMs);
  }

  asks(local: Local): boolean {
    const { stage } = local.record;
    return stage !== 'committing' && stage !== 'left' && local.holding !== 'superseded' && this.#agent.locals.get(local.name) === local;
  }

  apply(local: Local, event: HoldingEvent): void {
    const { world, host } = this.#agent;
    const late = event === 'current' && world.broken === 'superseded-is-not-final';
    if (event === 'superseded' && !this.asks(local) && local.holding !== 'superseded' && world.broken !== 'forks-before-the-commit-is-known') return;
    const from = local.holding;
    const { state, action } = late && from === 'superseded' ? { state: 'confirmed' as const, action: 'go-on' as const } : nextHolding(local.record.strict ? 'stop' : 'keep', from, event);
    local.holding = state;
    if (state !== from) world.tell(host.name, () => `${local.name}: ${event}, ${from} -> ${state} (${action})`);
    if (event === 'superseded') world.watch.learned(local);
    if (action === 'pause' || action === 'fork') local.hold();
    if (action === 'go-on' && local.operation !== 'departing') this.#goOn(local);
    if (action === 'fork') this.#agent.run(leave(this.#agent, local));
    if (mayRun(state) && local.record.strict) this.#lookAtTermsEnd(local);
  }

  inTerm(local: Local): boolean {
    return this.nowMs() < local.deadlineMs - guardPauseMs;
  }

  /** An acquisition or a take-over that was sent at `sentMs` was accepted: as good as a renewal, unless the machine slept since. */
  *renewed(local: Local, sentMs: number): Task {
    this.noticeWake();
    if (sentMs > this.#eraBeganMs || this.#agent.world.broken === 'answer-from-before-sleep-counts') yield* this.confirmed(local, sentMs);
    else yield* this.confirm(local, wakeAnswerMs);
  }

  /** A renewal that was sent at `sentMs` was accepted. */
  *confirmed(local: Local, sentMs: number): Task {
    if (!local.record.strict) {
      this.apply(local, 'current');
      return;
    }
    const { broken } = this.#agent.world;
    const before = local.deadlineMs;
    local.deadlineMs = Math.max(before, (broken === 'deadline-from-the-answer' ? this.nowMs() : sentMs) + leaseTermMs);
    if (!this.inTerm(local)) return;
    if (!(yield* this.guarded(local))) {
      this.apply(local, 'term-near');
      return;
    }
    if (before > -Infinity && this.nowMs() >= before - guardPauseMs - guardAheadMs) this.apply(local, 'term-near');
    if (this.inTerm(local)) this.apply(local, 'current');
  }

  /** There is a guard that lives, and it knows the deadline. One that does not answer is replaced. */
  *guarded(local: Local): Task<boolean> {
    const agent = this.#agent;
    for (let attempt = 0; attempt < 2; attempt += 1) {
      if (local.machine?.alive !== true) return true;
      if (local.guard?.alive !== true) local.startGuard();
      const { guard } = local;
      if (guard === undefined) return false;
      const answered = yield* until<boolean>((goOn) => {
        agent.after(guardAnswerMs, () => goOn(false));
        guard.deliver(() => {
          guard.setDeadline(local.deadlineMs);
          agent.deliver(() => goOn(true));
        });
      });
      if (answered) return true;
      guard.kill();
    }
    return false;
  }

  *guardLost(local: Local): Task {
    if (!local.record.strict || local.machine?.alive !== true || local.guard !== undefined) return;
    if (!this.inTerm(local)) local.hold();
    else if (!(yield* this.guarded(local))) this.apply(local, 'term-near');
  }

  /** Asks until there is word, for at most `limitMs`, and goes by it. */
  *confirm(local: Local, limitMs: number): Task<Word> {
    const era = this.#era;
    const endMs = this.#agent.computer.bootMs() + limitMs;
    for (;;) {
      const leftMs = endMs - this.#agent.computer.bootMs();
      const word = yield* this.#question(local, Math.max(1, leftMs));
      if (word !== 'silence' || era !== this.#era) return word;
      if (endMs - this.#agent.computer.bootMs() <= againMs) break;
      yield* this.#agent.wait(againMs);
    }
    // It may have slept in the middle of it: then another question is under way.
    this.noticeWake();
    if (era === this.#era && this.asks(local)) this.apply(local, 'silence');
    return 'silence';
  }

  /** One question; what is answered is gone by before this ends. */
  *ask(local: Local): Task {
    if (!this.asks(local)) return;
    const word = yield* this.#question(local, answerMs);
    if (word === 'silence' && this.asks(local) && mayRun(local.holding)) this.apply(local, 'silence');
  }

  /** The machine is about to sleep. When this is through no guest runs, and the next agent would know why. */
  *sleep(): Task {
    this.#begin();
    const era = this.#era;
    this.#agent.after(sleepDueMs, () => {
      if (this.#era !== era) return;
      this.#slept = true;
      this.noticeWake();
    });
    const all = [...this.#agent.locals.values()].filter((local) => this.asks(local));
    for (const local of all) this.apply(local, 'sleep');
    for (const local of all) yield* this.#agent.update(local, { asleep: true });
  }

  /** The kernel is back: logind says so, or the clocks do at the next look. */
  machineWoke(): void {
    this.#slept = true;
    this.#agent.after(this.#agent.world.dice.between(0, tickMs), () => this.noticeWake());
  }

  noticeWake(): void {
    if (!this.#slept) return;
    this.#slept = false;
    const agent = this.#agent;
    agent.world.tell(agent.host.name, () => 'agent notices that the machine slept');
    this.#begin();
    for (const local of [...agent.locals.values()]) {
      if (!this.asks(local)) continue;
      if (agent.world.broken === 'wake-goes-unnoticed') {
        local.holding = 'confirmed';
        local.goOn();
        continue;
      }
      this.apply(local, 'wake');
      if (!local.record.asleep) agent.run(agent.update(local, { asleep: true }));
      agent.run(this.#confirmAwake(local));
    }
  }

  *#confirmAwake(local: Local): Task {
    yield* this.confirm(local, wakeAnswerMs);
  }

  /** An era. */
  #begin(): void {
    this.#era += 1;
    this.#eraBeganMs = this.nowMs();
  }

  #goOn(local: Local): void {
    local.goOn();
    if (local.record.asleep) this.#agent.run(this.#agent.update(local, { asleep: false }));
  }

  *#question(local: Local, limitMs: number): Task<Word> {
    const { broken } = this.#agent.world;
    if (!countsLate.has(broken)) return yield* this.#exchange(local, limitMs);
    // Whoever asked goes on without; the answer counts all the same, whenever it comes.
    return yield* until<Word>((goOn) => {
      this.#agent.after(limitMs, () => goOn('silence'));
      this.#agent.run(this.#exchangeFor(local, goOn));
    });
  }

  *#exchangeFor(local: Local, goOn: (word: Word) => void): Task {
    goOn(yield* this.#exchange(local, 120_000));
  }

  *#exchange(local: Local, limitMs: number): Task<Word> {
    const { computer, world } = this.#agent;
    const era = this.#era;
    const { epoch } = local.record;
    const sentMs = this.nowMs();
    const sentTrueMs = world.nowMs;
    const answer = yield* this.#agent.call('renew', { leases: [{ desktop: local.name, epoch }] }, limitMs);
    if (computer.awake && sentTrueMs >= world.watch.wokeTrueMs(computer)) {
      local.heardMs = world.nowMs;
      if (answer.kind === 'ok') local.toldMs = world.nowMs;
    }
    if (answer.kind !== 'ok') {
      if (answer.kind === 'refused' && answer.code === 'HOST_REVOKED') this.#revoked(local);
      return 'silence';
    }
    if (world.broken !== 'answer-from-before-sleep-counts') this.noticeWake();
    return yield* this.#hear(local, epoch, sentMs, era !== this.#era && world.broken !== 'answer-from-before-sleep-counts', answer.value[0]!);
  }

  *#hear(local: Local, epoch: number, sentMs: number, stale: boolean, answer: RenewedLease): Task<Word> {
    const agent = this.#agent;
    if (answer.state === 'unknown') return 'silence';
    const late = agent.world.broken === 'superseded-is-not-final' && answer.state === 'current';
    if (!late && (!this.asks(local) || local.record.epoch !== epoch)) return local.holding === 'superseded' ? 'superseded' : 'silence';
    if (answer.state !== 'current') {
      this.apply(local, 'superseded');
      return answer.state;
    }
    if (stale) return 'silence';
    if (local.record.strict && !answer.strict) {
      agent.run(mendPolicy(agent, local));
      return 'silence';
    }
    if (!local.record.strict && answer.strict) yield* agent.update(local, { strict: true });
    yield* this.confirmed(local, sentMs);
    if (local.record.stage === 'saved') agent.run(uploadSaved(agent, local));
    return 'current';
  }

  /** The record's `strict` has changed. */
  *followPolicy(local: Local, confirmedSentMs?: number): Task<boolean> {
    if (local.record.strict) {
      if (confirmedSentMs !== undefined) local.deadlineMs = confirmedSentMs + leaseTermMs;
      this.#lookAtTermsEnd(local);
      this.#askBy(this.nowMs() + renewEveryMs);
      return yield* this.guarded(local);
    }
    local.deadlineMs = -Infinity;
    local.guard?.kill();
    if (local.holding === 'waiting') this.apply(local, 'silence');
    return true;
  }

  /** Its account does not trust this host any more: nothing runs here, and nothing of it can become a fork from here. */
  #revoked(local: Local): void {
    local.note = 'this host was revoked';
    local.holding = 'superseded';
    local.hold();
  }

  /** Strict: when the guard would pause the guest, the table hears of it. */
  #lookAtTermsEnd(local: Local): void {
    const inMs = local.deadlineMs - guardPauseMs - this.nowMs();
    if (inMs === -Infinity) return;
    this.#agent.after(Math.max(0, inMs) + this.#agent.world.dice.between(0, tickMs), () => {
      if (local.record.strict && mayRun(local.holding) && !this.inTerm(local) && this.asks(local)) this.apply(local, 'term-near');
    });
  }

  #askBy(atMs: number): void {
    if (this.#asking || (this.#timer !== undefined && this.#nextAskMs <= atMs)) return;
    this.#timer?.cancel();
    this.#nextAskMs = atMs;
    this.#timer = this.#agent.after(Math.max(0, atMs - this.nowMs()), () => this.#agent.run(this.#askAll()));
  }

  *#askAll(): Task {
    this.#timer = undefined;
    const all = [...this.#agent.locals.values()].filter((local) => this.asks(local));
    if (all.length === 0) return;
    this.#asking = true;
    const everyMs = all.some(({ record }) => record.strict) ? renewEveryMs : askEveryMs;
    const nextMs = this.nowMs() + everyMs;
    for (const local of all) this.#agent.run(this.ask(local));
    yield* this.#agent.wait(1);
    this.#asking = false;
    this.#askBy(nextMs);
  }
}
