import { Fault, type DesktopId } from '@godwit/base';
import { askEveryMs, renewalsLimit, renewEveryMs, wakeAnswerMs, type RenewedLease } from '@godwit/wire';
import type { Coordinator } from '../account/coordinator.ts';
import type { LocalDesktop } from '../desktop/local-desktop.ts';
import { HeldDesktop, type HeldPorts, type Taken } from './held-desktop.ts';
import { mayRun } from './holding.ts';
import { SleepJump } from './sleep-jump.ts';

/** What came of a question. `released`: this host gave the desktop up and nobody has it. */
export type Word = 'current' | 'superseded' | 'released' | 'silence';

export interface LeasePorts extends Omit<HeldPorts, 'onFork'> {
  readonly coordinator: Pick<Coordinator, 'call'>;
}

/** What others do when something turns out. None of it is waited for. */
export interface LeaseActions extends Pick<HeldPorts, 'onFork'> {
  /** The coordinator says that an epoch is current whose desktop waits on this machine only. */
  readonly onReach: (desktop: LocalDesktop) => void;
  /** The coordinator holds a strict desktop for one that is not: it lost the policy, never got it, or lies. */
  readonly onPolicyLost: (desktop: LocalDesktop) => void;
  /** The machine woke up: connections that were open are most likely dead. */
  readonly onWake: () => void;
}

interface Question {
  readonly desktopId: string;
  readonly epoch: number;
  /** On the boot clock. */
  readonly sentMs: number;
  /** The machine slept or woke up since. */
  readonly stale: boolean;
}

const tickMs = 250;
/** Less than between two renewals: a question that hangs must not keep the next one from being asked. */
const answerMs = 4_000;
/** Between questions while an answer is waited for and the network may just be coming up. */
const againMs = 250;
/** A sleep that was announced and has not come by then, in time awake, does not come: logind itself waits 5 s for its inhibitors. */
const sleepDueMs = 30_000;

/**
 * Keeps this host's right to run what it holds: asks the coordinator, drives the table of holding.ts with what it hears, and carries the
 * table's actions out. One loop for all desktops.
 *
 * An answer is worth what was true when its question was sent: a strict lease runs from a reading of the boot clock before that, and an
 * answer to a question from before the machine slept is thrown away. What an answer may say beside `current`:
 * - `superseded`: final, whenever it was asked, for epochs only grow. The guest stops and its state becomes a fork. Not while a commit is
 *   under way: then the commit's own answer tells whether the state was taken before the other epoch began, and there is nothing to fork.
 * - `released`: this host committed and gave up, or its person had the lease ended; whoever comes next gets what is in the store. A desktop
 *   that is settled here all the same is not what the coordinator will hand on: treated as superseded. While committing it is the
 *   commit's own release, or that of one that is about to be told so.
 * - `unknown`: a coordinator that has this host's other desktops and not this one was set back or lies. Nobody else's epoch is proven by
 *   that, so nothing is forked: it counts as silence, and is logged.
 */
export class LeaseHolder {
  readonly #ports: LeasePorts;
  #actions: LeaseActions | undefined;
  readonly #held = new Map<LocalDesktop, HeldDesktop>();
  readonly #jump: SleepJump;
  /** Changes whenever the machine sleeps or wakes up: an answer counts only in the era of its question. */
  #era = 0;
  /** On the boot clock. */
  #eraSinceMs = 0;
  /** On the working clock, since a sleep that was announced. */
  #asleepSinceMs: number | undefined;
  #nextAskMs = 0;
  #asking = false;
  #timer: NodeJS.Timeout | undefined;

  constructor(ports: LeasePorts) {
    this.#ports = ports;
    this.#jump = new SleepJump(ports.clock);
  }

  /** Who acts. Before `watch`. */
  serve(actions: LeaseActions): void {
    this.#actions = actions;
  }

  /** From now on this host answers for the desktop. Nothing is known of its lease yet: a strict guest stands still until there is word. */
  watch(desktop: LocalDesktop): void {
    if (this.#held.has(desktop)) return;
    const held = new HeldDesktop(desktop, { ...this.#ports, onFork: (left, taken) => this.#actions?.onFork(left, taken) });
    this.#held.set(desktop, held);
    this.#nextAskMs = Math.min(this.#nextAskMs, this.#ports.clock.bootMs() + renewEveryMs);
    if (desktop.record.stage === 'left') desktop.holding = 'superseded';
    else if (desktop.record.asleep) desktop.holding = 'asking';
    else desktop.holding = held.strict ? 'waiting' : 'alone';
    this.#timer ??= setInterval(() => this.tick(), tickMs).unref();
  }

  /** It is not here any more: committed, given up, or another desktop now. */
  unwatch(desktop: LocalDesktop): void {
    const held = this.#held.get(desktop);
    this.#held.delete(desktop);
    void held?.end();
    if (this.#held.size > 0) return;
    clearInterval(this.#timer);
    this.#timer = undefined;
  }

  /** An acquisition or a take-over that was sent at `sentBootMs` was accepted: as good as a renewal, unless the machine slept since; then it is asked about. */
  async renewed(desktop: LocalDesktop, sentBootMs: number): Promise<void> {
    const held = this.#held.get(desktop);
    if (held === undefined) return;
    this.#lookForSleep();
    if (sentBootMs >= this.#eraSinceMs) {
      await held.confirmed(sentBootMs);
      return;
    }
    held.apply('wake');
    await this.#askUntil([held], wakeAnswerMs);
  }

  /** Asks until there is word, for at most `limitMs`, and goes by it. */
  async confirm(desktop: LocalDesktop, limitMs: number): Promise<Word> {
    const held = this.#held.get(desktop);
    if (held === undefined) return 'silence';
    return (await this.#askUntil([held], limitMs)).get(held) ?? 'silence';
  }

  /**
   * Before its machine is made: a strict desktop needs a lease that was confirmed since this was asked, any other one goes on without word
   * too. Throws LEASE_UNCONFIRMED, DESKTOP_SUPERSEDED.
   */
  async assertMayStart(desktop: LocalDesktop): Promise<void> {
    const word = await this.confirm(desktop, wakeAnswerMs);
    if (desktop.holding === 'superseded') throw new Fault('DESKTOP_SUPERSEDED', { subject: desktop.name });
    if (desktop.record.offline === 'stop' && word !== 'current') throw new Fault('LEASE_UNCONFIRMED', { subject: desktop.name });
  }

  /** Before its guest runs; the record names its machine. Throws LEASE_UNCONFIRMED, DESKTOP_SUPERSEDED, GUARD_LOST. */
  async guardMachine(desktop: LocalDesktop): Promise<void> {
    await this.#held.get(desktop)?.guardMachine();
  }

  /** The record's `offline` has changed. `confirmedSentMs`: when the question was sent whose answer makes it strict from now on. Throws GUARD_LOST. */
  async followPolicy(desktop: LocalDesktop, confirmedSentMs?: number): Promise<void> {
    await this.#held.get(desktop)?.followPolicy(confirmedSentMs);
  }

  /** Somebody says that another epoch is current: the event stream, or a refused commit. Its guest is told to stop before this returns. */
  superseded(desktop: LocalDesktop, taken: Taken): void {
    const held = this.#held.get(desktop);
    if (held?.heeds === true) held.apply('superseded', taken);
  }

  /** The event stream tells who has a desktop now. Epochs only grow, so a later one than ours is the end of ours. */
  changed(desktopId: DesktopId, { epoch, by }: { readonly epoch: number; readonly by: string | null }): void {
    for (const held of this.#held.values()) {
      const { record } = held.desktop;
      if (record.desktopId === desktopId && epoch > record.epoch) this.superseded(held.desktop, { by, epoch });
    }
  }

  /** The coordinator is in reach again: whatever was missed meanwhile is asked for at once, beside a question that still hangs. */
  reconnected(): void {
    const all = [...this.#held.values()].filter((held) => held.asks);
    if (all.length > 0) void this.#askAll(all);
  }

  /** The machine is about to sleep. When this resolves no guest runs, and the next agent would know why. */
  async sleep(): Promise<void> {
    this.#beginEra();
    this.#asleepSinceMs = this.#ports.clock.workMs();
    await Promise.all([...this.#held.values()].map(async (held) => this.#layDown(held)));
  }

  /** It woke up, and said so. Nothing where the clocks have told already. */
  woke(): void {
    if (this.#asleepSinceMs !== undefined) this.#wake();
  }

  /** Every 250 ms. */
  tick(): void {
    this.#lookForSleep();
    for (const held of this.#held.values()) held.look();
    this.#askWhenDue();
  }

  /** A sleep that nobody announced, or one that was announced and did not come. */
  #lookForSleep(): void {
    const { clock, log } = this.#ports;
    const slept = this.#jump.look();
    const missed = this.#asleepSinceMs !== undefined && clock.workMs() - this.#asleepSinceMs > sleepDueMs;
    if (!slept && !missed) return;
    log.info('machine-woke', { told: slept ? 'the boot clock ran ahead' : 'the sleep did not come' });
    this.#wake();
  }

  #wake(): void {
    this.#beginEra();
    this.#asleepSinceMs = undefined;
    this.#jump.forget();
    this.#actions?.onWake();
    const waking = [...this.#held.values()].filter((held) => held.heeds);
    for (const held of waking) {
      held.apply('wake');
      if (!held.desktop.record.asleep) this.#remember(held, true).catch(() => undefined); // Logged there; the state in memory is what counts while this agent lives.
    }
    void this.#askUntil(waking, wakeAnswerMs);
  }

  #beginEra(): void {
    this.#era += 1;
    this.#eraSinceMs = this.#ports.clock.bootMs();
  }

  async #layDown(held: HeldDesktop): Promise<void> {
    if (!held.heeds) return;
    held.apply('sleep');
    // Both have to be done before the machine may sleep; neither waits for the other.
    await Promise.all([held.pause(), this.#remember(held, true)]);
  }

  async #remember({ desktop }: HeldDesktop, asleep: boolean): Promise<void> {
    try {
      await desktop.update({ asleep });
    } catch (error) {
      this.#ports.log.error('sleep-not-recorded', { desktop: desktop.record.desktopId, error });
    }
  }

  #askWhenDue(): void {
    const now = this.#ports.clock.bootMs();
    const all = [...this.#held.values()].filter((held) => held.asks);
    if (this.#asking || now < this.#nextAskMs || all.length === 0) return;
    this.#asking = true;
    this.#nextAskMs = now + (all.some((held) => held.strict) ? renewEveryMs : askEveryMs);
    void this.#askAll(all).finally(() => (this.#asking = false));
  }

  async #askAll(all: readonly HeldDesktop[]): Promise<void> {
    const words = await this.#ask(all, answerMs);
    // Who waits for an answer after a sleep waits for as long as that lasts, and then says `silence` itself.
    for (const [held, word] of words) if (word === 'silence' && held.asks && mayRun(held.desktop.holding)) held.apply('silence');
  }

  /** Asks again and again until there is word on each, or `limitMs` are over; then it is silence. A sleep or wake in between ends it without a word. */
  async #askUntil(all: readonly HeldDesktop[], limitMs: number): Promise<Map<HeldDesktop, Word>> {
    const { clock } = this.#ports;
    const era = this.#era;
    const endMs = clock.bootMs() + limitMs;
    const words = new Map<HeldDesktop, Word>(all.map((held) => [held, 'silence']));
    for (;;) {
      const silent = all.filter((held) => words.get(held) === 'silence' && held.asks);
      if (silent.length === 0) return words;
      for (const [held, word] of await this.#ask(silent, Math.max(1, endMs - clock.bootMs()))) words.set(held, word);
      if (era !== this.#era) return words;
      const left = endMs - clock.bootMs();
      if (![...words.values()].includes('silence')) return words;
      if (left <= againMs) break;
      await new Promise((resolve) => setTimeout(resolve, againMs));
    }
    // The time may be over because the machine slept through it, and nobody has noticed yet.
    this.#lookForSleep();
    if (era !== this.#era) return words;
    for (const [held, word] of words) if (word === 'silence' && held.asks) held.apply('silence');
    return words;
  }

  /** One question for up to 64 desktops; what is answered is gone by before this resolves. */
  async #ask(all: readonly HeldDesktop[], timeoutMs: number): Promise<Map<HeldDesktop, Word>> {
    const chunks = Array.from({ length: Math.ceil(all.length / renewalsLimit) }, (_, index) => all.slice(index * renewalsLimit, (index + 1) * renewalsLimit));
    const words = await Promise.all(chunks.map((chunk) => this.#askChunk(chunk, timeoutMs)));
    return new Map(words.flat());
  }

  async #askChunk(chunk: readonly HeldDesktop[], timeoutMs: number): Promise<[HeldDesktop, Word][]> {
    const { clock, coordinator, log } = this.#ports;
    const era = this.#era;
    const asked = chunk.map((held) => ({ held, desktopId: held.desktop.record.desktopId, epoch: held.desktop.record.epoch }));
    const sentMs = clock.bootMs();
    let leases: readonly RenewedLease[];
    try {
      ({ leases } = await coordinator.call('renewLeases', { body: { leases: asked.map(({ desktopId, epoch }) => ({ desktopId, epoch })) } }, { timeoutMs }));
    } catch (error) {
      const { code } = Fault.from(error);
      log.info('leases-not-confirmed', { desktops: asked.length, code });
      return chunk.map((held) => [held, code === 'HOST_REVOKED' ? this.#putOut(held) : 'silence']);
    }
    // Before anything is believed: the answer may have waited through a sleep that nobody has noticed yet.
    this.#lookForSleep();
    return Promise.all(asked.map(async ({ held, desktopId, epoch }, index): Promise<[HeldDesktop, Word]> => [held, await this.#hearOrLog(held, { desktopId, epoch, sentMs, stale: era !== this.#era }, leases[index])]));
  }

  /** Whoever was revoked holds nothing any more, and nothing of it can be stored by this host: it stands still. */
  #putOut(held: HeldDesktop): Word {
    if (held.heeds) held.apply('superseded', { by: null, epoch: null });
    return 'superseded';
  }

  /** What goes wrong with one desktop is not in the way of the others. */
  async #hearOrLog(held: HeldDesktop, question: Question, answer: RenewedLease | undefined): Promise<Word> {
    try {
      return await this.#hear(held, question, answer);
    } catch (error) {
      this.#ports.log.error('lease-answer-not-followed', { desktop: question.desktopId, error });
      return 'silence';
    }
  }

  async #hear(held: HeldDesktop, question: Question, answer: RenewedLease | undefined): Promise<Word> {
    const { log } = this.#ports;
    const { desktop } = held;
    const { desktopId, epoch, sentMs, stale } = question;
    if (answer?.desktopId !== desktopId || answer.state === 'unknown') {
      log.error('lease-unknown', { desktop: desktopId, epoch, found: answer?.desktopId === desktopId ? answer.state : 'an answer for another desktop' });
      return 'silence';
    }
    // Meanwhile it has become another epoch's, was committed, or is gone.
    if (!held.asks || desktop.record.epoch !== epoch || this.#held.get(desktop) !== held) return desktop.holding === 'superseded' ? 'superseded' : 'silence';
    if (answer.state !== 'current') {
      if (!held.heeds) return 'silence';
      log.warn('lease-over', { desktop: desktopId, epoch, state: answer.state });
      held.apply('superseded', answer.state === 'superseded' ? { by: answer.by, epoch: answer.epoch } : { by: null, epoch: null });
      return answer.state;
    }
    if (stale) return 'silence';
    if (held.strict && answer.offline !== 'stop') {
      // To it the desktop may be taken over at any time, so its word is not a strict lease.
      log.error('policy-not-held', { desktop: desktopId, expected: 'stop', found: answer.offline });
      this.#actions?.onPolicyLost(desktop);
      return 'silence';
    }
    // The safer of the two, whoever asks for it.
    if (!held.strict && answer.offline === 'stop') await desktop.update({ offline: 'stop' });
    await held.confirmed(sentMs);
    if (desktop.record.stage === 'saved') this.#actions?.onReach(desktop);
    return 'current';
  }
}
