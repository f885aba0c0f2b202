import { readdirSync } from 'node:fs';
import { Fault, isId, type DesktopId } from '@godwit/base';
import { wakeAnswerMs, type ArriveFigures, type ControlArguments, type ControlResult, type Desktop, type DesktopStatus, type Quotas } from '@godwit/wire';
import { mayHaveHappened } from '../account/coordinator.ts';
import type { Report } from '../daemon/control-server.ts';
import { endsRight } from '../lease/ends-right.ts';
import { Leaving } from '../left/leaving.ts';
import { attended } from '../lid/attended.ts';
import { Offline } from '../offline/offline.ts';
import { Protection } from '../protect/protection.ts';
import { Machine } from '../machine/machine.ts';
import { toldArrival } from '../told-moves/told.ts';
import { askedArrivals, askedDepartures, hear } from '../move/asked.ts';
import { move, type ThisEnd } from '../move/move.ts';
import { listRemote, statusOfAccount } from './account-status.ts';
import { announce, announceUntilKnown, createDesktop } from './create.ts';
import { givenUpBy, renounce } from './discard.ts';
import { findDesktop } from './find-desktop.ts';
import { tellWhatStays, unlessCalledOff } from './called-off.ts';
import type { Host } from './host.ts';
import { LocalDesktop } from './local-desktop.ts';
import { LocalDesktops } from './local-desktops.ts';
import { mendPolicy, offlinePolicy } from './offline-policy.ts';
import { awaitMachine, recoverDesktop, settleMachine } from './recover.ts';
import type { NextStep } from './recovery.ts';
import { startDesktop } from './start.ts';
import { statusOfLocal } from './status.ts';
import { stopDesktop } from './stop.ts';
import { releaseLost } from './release-lost.ts';
import { settleCommit } from './settle-commit.ts';
import { takeOver } from './take-over.ts';

/** Every desktop that this host holds, and what can be done with desktops here. */
export class Desktops {
  readonly #host: Host;
  readonly #local: LocalDesktops;
  /** Names being created or resumed: they have no local desktop yet, but two commands at once must not both make one. */
  readonly #arriving = new Set<string>();

  /** Why desktops that this host still holds were lost here, by their id: for `status`, as long as this agent lives. */
  readonly #losses = new Map<string, string>();
  /** The fetching of what guests that run already still lack. */
  readonly #fillings = new Map<LocalDesktop, Promise<void>>();
  /** What is wrong with desktops that are here and whose record cannot be read, by their id: nothing of them is touched. */
  readonly #damaged = new Map<string, Fault>();
  readonly #leaving: Leaving;
  readonly #offline: Offline;
  readonly #protection: Protection;

  constructor(host: Host) {
    this.#host = host;
    this.#local = new LocalDesktops(host.leases);
    this.#leaving = new Leaving(host, this.#local);
    this.#offline = new Offline(host, {
      onSafe: ({ record }) => this.#local.delete(record.desktopId),
      onUnknown: (desktop) => this.#settleCommit(desktop),
      onFenced: (desktop, fault) => this.#askIfFenced(desktop, fault),
    });
    this.#protection = new Protection(host, () => this.#local.values(), (desktop, fault) => this.#askIfFenced(desktop, fault));
    const find = (desktopId: string, epoch: number): LocalDesktop | undefined => [...this.#local.values()].find(({ record }) => record.desktopId === desktopId && record.epoch === epoch);
    const departures = askedDepartures(host, { find, suspend: (name, report, signal) => this.suspend({ name }, report, signal, false) });
    const arrivals = askedArrivals(host, (name, report, signal) => this.resume({ name, eager: false, wait: false }, report, signal));
    host.leases.serve({
      onFork: (desktop, taken) => this.#leaving.begin(desktop, taken),
      onReach: (desktop) => this.#offline.reached(desktop),
      onPolicyLost: (desktop) => mendPolicy(host, desktop),
      onWake: () => host.events.renew(),
    });
    host.events.subscribe((message) => hear(host, { departures, arrivals }, message));
  }

  /** After `recover`: what happens elsewhere is listened to from now on. */
  begin(): void {
    this.#host.events.begin();
    this.#protection.begin();
  }

  /** Finds what an earlier agent left (recovery.ts), each desktop by itself: one that cannot be taken up keeps no other from it. */
  async recover(): Promise<void> {
    await Promise.all(readdirSync(this.#host.home.desktopsDirectory).map((folder) => this.#recover(folder)));
  }

  async #recover(folder: string): Promise<void> {
    if (!isId(folder)) return;
    this.#damaged.delete(folder);
    try {
      const recovered = await recoverDesktop(this.#host, folder);
      if (recovered.kind === 'damaged') this.#damaged.set(folder, recovered.fault);
      if (recovered.kind === 'found') await this.#takeUp(recovered.desktop, recovered.machine, recovered.next);
    } catch (error) {
      this.#host.log.error('desktop-not-recovered', { desktop: folder, error });
      this.#damaged.set(folder, Fault.from(error));
    }
  }

  /** Goes on with a desktop that an earlier agent left, its machine attached to nothing yet. */
  async #takeUp(desktop: LocalDesktop, machine: Machine | undefined, next: NextStep): Promise<void> {
    const { desktopId, left } = desktop.record;
    if (next === 'give-up') return this.#giveUp(desktop, 'the agent ended before it had everything');
    this.#local.set(desktopId, desktop);
    if (desktop.silent !== undefined) this.#awaitMachine(desktop);
    if (machine === undefined) await settleMachine(this.#host, desktop);
    else await this.#takeOn(desktop, machine);
    await this.#offline.takeUp(desktop);
    if (next === 'leave') this.#leaving.begin(desktop, { by: left?.takenBy ?? null, epoch: left?.takenEpoch ?? null });
    this.#settleCommit(desktop);
    this.#protection.takeUp(desktop);
    if (!desktop.record.announced) this.#announce(desktop);
  }

  /** A QEMU that did not answer is taken on when it does. */
  #awaitMachine(desktop: LocalDesktop): void {
    const take = async (): Promise<void> => {
      const machine = await awaitMachine(this.#host, desktop);
      if (machine !== undefined && this.#local.get(desktop.record.desktopId) === desktop) await this.#takeOn(desktop, machine);
    };
    take().catch((error: unknown) => {
      desktop.note = Fault.from(error).message;
      this.#host.log.error('machine-not-taken-on', { desktop: desktop.record.desktopId, error });
    });
  }

  async create(wish: ControlArguments<'create'>): Promise<ControlResult<'create'>> {
    return this.#once(wish.name, async () => {
      const { desktop, result } = await createDesktop(this.#host, wish);
      const createdBootMs = this.#host.clock.bootMs();
      try {
        await announce(this.#host, desktop);
      } catch (error) {
        if (!mayHaveHappened(error)) await desktop.forget();
        else this.#announce(desktop);
        throw error;
      }
      this.#local.set(desktop.record.desktopId, desktop);
      await this.#host.leases.renewed(desktop, createdBootMs);
      return result;
    });
  }

  /** It is here, and nobody knows whether the coordinator knows it. */
  #announce(desktop: LocalDesktop): void {
    const { desktopId } = desktop.record;
    this.#local.set(desktopId, desktop);
    announceUntilKnown(this.#host, desktop)
      .then((refusal) => refusal !== undefined && this.#local.delete(desktopId))
      .catch((error: unknown) => this.#host.log.error('desktop-not-announced', { desktop: desktopId, error }));
  }

  async start({ name }: ControlArguments<'start'>): Promise<ControlResult<'start'>> {
    const startedMs = this.#host.clock.workMs();
    const desktop = await this.#here(name);
    return desktop.exclusively('starting', async () => {
      await startDesktop(this.#host, desktop);
      return { name, runningMs: this.#host.clock.workMs() - startedMs };
    });
  }

  async stop({ name, force }: ControlArguments<'stop'>): Promise<ControlResult<'stop'>> {
    const desktop = await this.#here(name);
    const filling = this.#fillings.get(desktop);
    if (filling !== undefined) {
      if (!force) throw new Fault('DESKTOP_FILLING', { subject: name, hint: 'wait until `godwit status` says running, or switch it off with --force: it then goes on from its checkpoint' });
      return this.#stopFilling(desktop, filling);
    }
    const clean = await desktop.exclusively('stopping', () => stopDesktop(desktop, force));
    return { name, clean, goesOnFrom: null };
  }

  /** It cannot stand alone yet, so nothing of what its guest did can be kept. */
  async #stopFilling(desktop: LocalDesktop, filling: Promise<void>): Promise<ControlResult<'stop'>> {
    const { name, record } = desktop;
    await desktop.machine?.end();
    await filling.catch(() => undefined); // That it was lost is what was asked for.
    const lost = this.#local.get(record.desktopId) !== desktop;
    if (lost) this.#losses.set(record.desktopId, 'it was switched off before everything was here');
    else await desktop.update({ machine: null });
    return { name, clean: false, goesOnFrom: lost ? (record.base?.sequence ?? null) : null };
  }

  /** Gives up what is here in favour of the newest checkpoint, from which the next resume goes on, in an epoch of its own. */
  async discard({ name, confirmed }: ControlArguments<'discard'>): Promise<ControlResult<'discard'>> {
    const desktop = await this.#here(name);
    const givenUp = await givenUpBy(this.#host, desktop);
    if (!confirmed) return { ...givenUp, done: false };
    const filling = this.#fillings.get(desktop);
    if (filling !== undefined) await this.#stopFilling(desktop, filling);
    if (this.#local.get(desktop.record.desktopId) === desktop) {
      await desktop.exclusively('stopping', () => renounce(desktop));
      await this.#giveUp(desktop, 'its user gave it up');
    }
    return { ...givenUp, done: true };
  }

  /** `mayStay`: where the store is out of reach it may be saved on this machine. */
  async suspend({ name, limitBytesPerSecond }: ControlArguments<'suspend'>, report: Report, signal?: AbortSignal, mayStay = true): Promise<ControlResult<'suspend'>> {
    const desktop = await this.#here(name);
    if (desktop.operation === 'filling') throw new Fault('DESKTOP_FILLING', { subject: name });
    return attended(this.#host, desktop, () => this.#host.activity.watch('suspend', name, report, (told) => this.#offline.suspend(desktop, { mayStay, signal, limitBytesPerSecond }, told)));
  }

  /** A checkpoint of a desktop that goes on running. */
  async checkpoint({ name }: ControlArguments<'checkpoint'>, report: Report, signal?: AbortSignal): Promise<ControlResult<'checkpoint'>> {
    const desktop = await this.#here(name);
    return this.#host.activity.watch('checkpoint', name, report, (told) => this.#protection.checkpoint(desktop, told, signal));
  }

  async protect({ name, everyMs }: ControlArguments<'protect'>): Promise<ControlResult<'protect'>> {
    return this.#protection.protect(await this.#here(name), everyMs);
  }

  /** Whose it is now decides what becomes of what is here. */
  #askIfFenced(desktop: LocalDesktop, error: unknown): void {
    if (endsRight(Fault.from(error))) void this.#host.leases.confirm(desktop, wakeAnswerMs);
  }

  resume(wish: ControlArguments<'resume'>, report: Report, signal?: AbortSignal): Promise<ControlResult<'resume'>> {
    return this.#undoable(wish.name, () => this.#watched(wish, report, signal));
  }

  #watched(wish: ControlArguments<'resume'>, report: Report, signal: AbortSignal | undefined): Promise<ControlResult<'resume'>> {
    return this.#host.activity.watch('resume', wish.name, report, (told) => this.#resume(wish, told, signal));
  }

  async #resume({ name, eager, wait }: ControlArguments<'resume'>, report: Report, signal: AbortSignal | undefined): Promise<ControlResult<'resume'>> {
    await this.#lookAgain();
    const saved = [...this.#local.values()].find((desktop) => desktop.name === name && desktop.record.stage === 'saved' && desktop.machine === undefined);
    if (saved !== undefined) return this.#offline.resume(saved, { eager, wait, signal }, report);
    const remote = await findDesktop(this.#host.account, name);
    this.#assertReadable(remote.desktopId);
    if (remote.owner !== null && remote.owner.hostId !== this.#host.account.device.hostId) throw new Fault('DESKTOP_HELD_ELSEWHERE', { subject: name, found: `it on ${remote.owner.name}`, hint: `\`godwit move ${name}\` has it suspended there first, and goes on here` });
    const local = this.#local.get(remote.desktopId);
    this.#assertNotLeft(remote);
    if (local !== undefined) throw new Fault(local.state === 'running' || local.operation !== undefined ? 'DESKTOP_RUNNING' : 'DESKTOP_HERE', { subject: name, hint: local.machine === undefined ? `start it with \`godwit start ${name}\`, or go back to its checkpoint with \`godwit resume ${name} --discard\`` : 'see `godwit status`' });
    return { name, fromHere: false, ...(await this.#arrive(await releaseLost(this.#host.account, remote), { eager, wait, signal }, report)) };
  }

  /** This host's end of a move; the other one is asked over the coordinator (move/move.ts). */
  move(wish: ControlArguments<'move'>, report: Report, signal?: AbortSignal): Promise<ControlResult<'move'>> {
    const { name, eager } = wish;
    const here: ThisEnd = {
      alone: (work) => this.#undoable(name, work),
      assertRoom: (remote) => this.#assertNotLeft(remote),
      suspend: (told) => this.suspend({ name }, told, signal, false),
      resume: (told) => this.#watched({ name, eager, wait: false }, told, signal),
    };
    return move(this.#host, wish, report, here, signal);
  }

  /** Resumes what is in the store, and goes on filling it after it runs. */
  async #arrive(remote: Desktop, { eager, wait, signal }: { readonly eager: boolean; readonly wait: boolean; readonly signal: AbortSignal | undefined }, report: Report): Promise<{ sequence: number; epoch: number; arrive: ArriveFigures }> {
    const { desktop, sequence, epoch, complete } = await toldArrival(this.#host, remote, { eager, signal }, report);
    this.#local.set(remote.desktopId, desktop);
    this.#losses.delete(remote.desktopId);
    if (desktop.holding === 'superseded') this.#leaving.begin(desktop, { by: null, epoch: null });
    const filled = desktop.exclusively('filling', () => complete.catch((error: unknown) => this.#lost(desktop, error)));
    this.#fillings.set(desktop, filled);
    // Logged where it happened; without --wait nobody is left to be told.
    filled.catch(() => undefined).finally(() => this.#fillings.delete(desktop));
    if (wait) await unlessCalledOff(filled, signal);
    return { sequence, epoch, arrive: desktop.arrival! };
  }

  takeOver(wish: ControlArguments<'takeover'>, report: Report, signal?: AbortSignal): Promise<ControlResult<'takeover'>> {
    return this.#host.activity.watch('takeover', wish.name, report, (told) => {
      const resume = (remote: Desktop): Promise<{ epoch: number; arrive: ArriveFigures }> => this.#arrive(remote, { eager: wish.eager, wait: false, signal }, told);
      return this.#undoable(wish.name, () => takeOver(this.#host, wish, told, { assertRoom: (remote) => this.#assertNotLeft(remote), resume }, signal));
    });
  }

  /** An arrival that its person may call off: undone before it runs here, and afterwards only no longer waited for. */
  #undoable<Result>(name: string, work: () => Promise<Result>): Promise<Result> {
    const stays = (): string => {
      const local = [...this.#local.values()].find((desktop) => desktop.name === name);
      if (local === undefined) return `rolled back: nothing of ${name} is left here`;
      return local.state === 'saved' ? `rolled back: ${name} stays saved on this machine` : `${name} runs here, and the rest of it comes in the background`;
    };
    return this.#once(name, () => tellWhatStays(name, stays, work));
  }

  policy(wish: ControlArguments<'policy'>): Promise<ControlResult<'policy'>> {
    return offlinePolicy(this.#host, wish, [...this.#local.values()].find(({ name }) => name === wish.name));
  }

  /** The desktops of the account as far as they can be seen from here. */
  async status(name: string | null): Promise<{ reachable: boolean; desktops: DesktopStatus[]; quotas?: Quotas | undefined }> {
    const remote = await listRemote(this.#host);
    await this.#lookAgain();
    const desktops = await statusOfAccount(this.#host, name, remote?.desktops, { local: this.#local.values(), damaged: this.#damaged, losses: this.#losses, arriving: this.#arriving });
    return { reachable: remote !== undefined, desktops, quotas: remote?.quotas };
  }

  async console(name: string, lines: number): Promise<string[]> {
    const desktop = await this.#here(name);
    if (desktop.machine === undefined) throw new Fault('DESKTOP_NOT_RUNNING', { subject: name });
    return desktop.machine.serial.lines(lines);
  }

  /** As `status`, but of a desktop that is here, and without asking anybody; undefined: it is not. */
  statusHere(name: string): DesktopStatus | undefined {
    const local = [...this.#local.values()].find((desktop) => desktop.name === name);
    return local === undefined ? undefined : statusOfLocal(local, this.#host.account.settings.hostName, this.#host.clock.wallMs());
  }

  /** The socket of its screen; undefined while it has none here. */
  screenOf(name: string): string | undefined {
    return [...this.#local.values()].find((desktop) => desktop.name === name)?.machine?.screen;
  }

  /** The socket of its screen. Throws DESKTOP_NOT_RUNNING, SCREEN_MISSING, and where it is not here what says where it is. */
  async screen(name: string): Promise<string> {
    const { machine } = await this.#here(name);
    if (machine === undefined) throw new Fault('DESKTOP_NOT_RUNNING', { subject: name });
    if (machine.screen === undefined) throw new Fault('SCREEN_MISSING', { subject: name });
    return machine.screen;
  }

  /** The desktop that this host holds, or the fault that says where it is. */
  async #here(name: string): Promise<LocalDesktop> {
    await this.#lookAgain();
    const local = [...this.#local.values()].find((desktop) => desktop.name === name);
    if (local !== undefined) return local;
    if (this.#arriving.has(name)) throw new Fault('DESKTOP_BUSY', { subject: name, found: 'arriving' });
    const { owner, head, desktopId } = await findDesktop(this.#host.account, name);
    this.#assertReadable(desktopId);
    if (owner === null) throw new Fault('DESKTOP_FREE', { subject: name, found: `checkpoint ${head?.sequence ?? 0} in the store`, hint: `resume it with \`godwit resume ${name}\`` });
    if (owner.hostId === this.#host.account.device.hostId) throw new Fault('DESKTOP_LOST', { subject: name, ...this.#lossOf(desktopId), hint: `go on from its last checkpoint with \`godwit resume ${name}\`` });
    throw new Fault('DESKTOP_HELD_ELSEWHERE', { subject: name, found: `it on ${owner.name}` });
  }

  /** A damaged record may have been restored, or its folder moved away. */
  async #lookAgain(): Promise<void> {
    for (const folder of [...this.#damaged.keys()]) await this.#recover(folder);
  }

  /** One desktop has one folder here: what was here before it was taken over has to be out of it, and to be in what it becomes. */
  #assertNotLeft({ desktopId, name }: Desktop): void {
    const local = [...this.#local.values()].find(({ record }) => record.stage === 'left' && (record.desktopId === desktopId || record.left?.desktopId === desktopId));
    if (local !== undefined) throw new Fault('DESKTOP_BUSY', { subject: name, found: `what was here before it was taken over, which is kept as ${local.name} first` });
  }

  #assertReadable(desktopId: DesktopId): void {
    const fault = this.#damaged.get(desktopId);
    if (fault !== undefined) throw fault;
  }

  #lossOf(desktopId: string): { found?: string } {
    const found = this.#losses.get(desktopId);
    return found === undefined ? {} : { found };
  }

  /** An agent that ended in the middle of a capture may have left the guest paused. One whose commit nobody knows the outcome of stays so. */
  async #takeOn(desktop: LocalDesktop, machine: Machine): Promise<void> {
    desktop.attach(machine);
    await settleMachine(this.#host, desktop);
    void this.#host.leases.confirm(desktop, wakeAnswerMs);
  }

  async #once<Result>(name: string, work: () => Promise<Result>): Promise<Result> {
    if (this.#arriving.has(name)) throw new Fault('DESKTOP_BUSY', { subject: name });
    this.#arriving.add(name);
    try {
      return await work();
    } finally {
      this.#arriving.delete(name);
    }
  }

  async #lost(desktop: LocalDesktop, error: unknown): Promise<void> {
    this.#host.log.error('desktop-lost', { desktop: desktop.record.desktopId, error });
    const { message } = Fault.from(error);
    await desktop.machine?.end();
    await this.#giveUp(desktop, message);
    throw new Fault('DESKTOP_LOST', { subject: desktop.name, found: message, cause: error });
  }

  /** What is here is worth nothing without the pages that never came. The lease stays until the next resume here, which acquires it anew. */
  async #giveUp(desktop: LocalDesktop, reason: string): Promise<void> {
    this.#losses.set(desktop.record.desktopId, reason);
    this.#offline.forget(desktop);
    try {
      await desktop.forget();
    } finally {
      this.#local.delete(desktop.record.desktopId);
    }
  }

  /** Goes on asking about a commit whose outcome is not known, if there is one. Then the desktop is gone from here, or, refused, runs on. */
  #settleCommit(desktop: LocalDesktop): void {
    if (!desktop.commitPending) return;
    const settle = async (): Promise<void> => {
      const refusal = await settleCommit(this.#host, desktop);
      if (refusal === undefined) return void this.#local.delete(desktop.record.desktopId);
      this.#askIfFenced(desktop, refusal);
      await this.#offline.takeUp(desktop);
    };
    settle().catch((error: unknown) => this.#host.log.error('commit-not-settled', { desktop: desktop.record.desktopId, error }));
  }
}
