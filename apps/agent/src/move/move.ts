import { Fault } from '@godwit/base';
import type { ControlArguments, ControlResult, Desktop } from '@godwit/wire';
import { hostNamed } from '../account/revoke.ts';
import type { Report } from '../daemon/control-server.ts';
import { throwIfCalledOff } from '../desktop/called-off.ts';
import { findDesktop } from '../desktop/find-desktop.ts';
import type { Host } from '../desktop/host.ts';
import { assertRunsHere, openHead } from '../desktop/take-over.ts';
import { ArrivalElsewhere, type Target } from './await-arrival.ts';
import { awaitDeparture } from './await-departure.ts';
import { inStoreText, withPlace } from './place.ts';
import { readReach } from './reach.ts';

type Moved = ControlResult<'move'>;

/** This host, as one end of a move. */
export interface ThisEnd {
  /** Runs `work` as the only command that brings the desktop here. */
  readonly alone: <Result>(work: () => Promise<Result>) => Promise<Result>;
  /** Throws where it cannot be resumed for what is here. */
  readonly assertRoom: (remote: Desktop) => void;
  /** Into the store, or not at all. */
  readonly suspend: (report: Report) => Promise<unknown>;
  /** Goes on with what is free, or saved or lost here. */
  readonly resume: (report: Report) => Promise<Pick<ControlResult<'resume'>, 'sequence' | 'epoch' | 'arrive'>>;
}

/**
 * Has a desktop go on on a host of the account, this one unless `to` says another, wherever it is now: its holder suspends it, then the target resumes
 * it. Unless `confirmed`, only says who would do what.
 *
 * Every fault leaves the desktop in one place and says which. Before anything is asked of anybody: DESKTOP_NOT_FOUND, DEVICE_UNKNOWN, HOST_UNFIT,
 * DESKTOP_HELD_ELSEWHERE (its holder is out of reach), HOST_OUT_OF_REACH, ARRIVAL_REFUSED. While it leaves, and it stays where it was: HOLDER_IN_REACH and
 * the faults of a suspend. When it has left, and is safe in the store: ARRIVAL_FAILED and the faults of a resume. CANCELLED says which of these.
 */
export async function move(host: Host, wish: ControlArguments<'move'>, report: Report, here: ThisEnd, signal?: AbortSignal): Promise<Moved> {
  const target = wish.to === null ? undefined : await targetNamed(host, wish.to);
  const running = new Moving(host, wish, report, here, signal);
  return target === undefined || target.hostId === host.account.device.hostId ? await here.alone(() => running.hither()) : await running.to(target);
}

async function targetNamed({ account }: Host, wanted: string): Promise<Target> {
  const { device, name } = hostNamed(await account.refreshChain(), wanted);
  return { hostId: device.hostId, name };
}

class Moving {
  readonly #host: Host;
  readonly #wish: ControlArguments<'move'>;
  readonly #here: ThisEnd;
  readonly #signal: AbortSignal | undefined;
  readonly #startedMs: number;
  readonly #report: Report;

  constructor(host: Host, wish: ControlArguments<'move'>, report: Report, here: ThisEnd, signal: AbortSignal | undefined) {
    this.#host = host;
    this.#wish = wish;
    this.#here = here;
    this.#signal = signal;
    this.#startedMs = host.clock.workMs();
    // Both ends are one command, and one time.
    this.#report = (progress) => report({ ...progress, elapsedMs: this.#elapsedMs });
  }

  get #elapsedMs(): number {
    return this.#host.clock.workMs() - this.#startedMs;
  }

  async hither(): Promise<Moved> {
    const { account } = this.#host;
    const { name, confirmed } = this.#wish;
    const remote = await findDesktop(account, name);
    const { owner } = remote;
    const to = account.settings.hostName;
    if (owner === null || owner.hostId === account.device.hostId) return confirmed ? this.#arrived(remote, null, await this.#here.resume(this.#report)) : this.#plan(remote, to);
    account.heads.check(remote, remote.head);
    this.#here.assertRoom(remote);
    await this.#assertInReach(remote, owner.name);
    if (remote.head !== null) await assertRunsHere(this.#host, remote, remote.head);
    if (!confirmed) return this.#plan(remote, to);
    const free = await this.#leave(remote);
    return this.#arrived(free, owner.name, await this.#resumeHere(free));
  }

  async to(target: Target): Promise<Moved> {
    const { account, clock, random, events } = this.#host;
    const { name, confirmed } = this.#wish;
    const remote = await findDesktop(account, name);
    const { owner } = remote;
    const self = account.device.hostId;
    if (owner?.hostId === target.hostId) throw new Fault('ARGUMENT_INVALID', { subject: name, expected: 'another host than its holder', found: target.name, hint: `${name} is there already` });
    if (owner !== null && owner.hostId !== self) await this.#assertInReach(remote, owner.name);
    const arrival = new ArrivalElsewhere({ coordinator: account.coordinator, events, clock, random, device: account.device }, target);
    await this.#unchanged(remote, () => arrival.assertReady(remote, this.#signal));
    if (!confirmed) return this.#plan(remote, target.name);
    const free = await this.#leave(remote);
    const { runningMs } = await arrival.resume(free, this.#report, this.#signal);
    const { epoch } = await account.coordinator.call('readDesktop', { params: { desktopId: remote.desktopId } });
    return { ...this.#plan(free, target.name), from: owner?.name ?? null, done: true, epoch, pauseMs: await this.#pauseMs(free, owner !== null), runningMs };
  }

  /** What was called off before anything was asked of the holder. */
  async #unchanged(remote: Desktop, work: () => Promise<void>): Promise<void> {
    try {
      await work();
      throwIfCalledOff(this.#signal);
    } catch (error) {
      if (!(error instanceof Fault) || error.code !== 'CANCELLED') throw error;
      throw new Fault('CANCELLED', { subject: remote.name, found: `nothing was changed: ${remote.owner === null ? inStoreText(remote) : `${remote.name} stays on ${remote.owner.name}`}` });
    }
  }

  async #assertInReach({ desktopId, name, head }: Desktop, holder: string): Promise<void> {
    const { account, clock } = this.#host;
    const { inReach, lastContactMs } = await readReach({ coordinator: account.coordinator, clock }, desktopId, this.#signal);
    if (inReach) return;
    const heard = lastContactMs === null ? 'never heard of' : `last heard of ${new Date(lastContactMs).toLocaleString()}`;
    throw new Fault('DESKTOP_HELD_ELSEWHERE', {
      subject: name,
      found: `it on ${holder}, which is out of reach (${heard})`,
      hint: head === null ? `all there is of it is on ${holder}: start its agent` : `start its agent; or \`godwit takeover ${name}\` goes on from checkpoint ${head.sequence} without what ${holder} did since`,
    });
  }

  /** Free and in the store, by whoever holds it. */
  async #leave(remote: Desktop): Promise<Desktop> {
    const { coordinator, device } = this.#host.account;
    const { owner, desktopId } = remote;
    if (owner === null) return remote;
    if (owner.hostId !== device.hostId) return awaitDeparture({ coordinator, events: this.#host.events, clock: this.#host.clock }, remote, owner.name, this.#report, this.#signal);
    await this.#here.suspend(this.#report);
    return coordinator.call('readDesktop', { params: { desktopId } });
  }

  async #resumeHere(free: Desktop): Promise<Pick<ControlResult<'resume'>, 'sequence' | 'epoch' | 'arrive'>> {
    try {
      return await this.#here.resume(this.#report);
    } catch (error) {
      const fault = Fault.from(error);
      const place = await this.#whereIs(free);
      throw fault.code === 'CANCELLED' ? new Fault('CANCELLED', { subject: free.name, found: `rolled back here; ${place}`, cause: error }) : withPlace(fault, place);
    }
  }

  /** Asked anew: a roll-back may have had no coordinator to give the lease back to. */
  async #whereIs(free: Desktop): Promise<string> {
    try {
      const { owner, head, name } = await this.#host.account.coordinator.call('readDesktop', { params: { desktopId: free.desktopId } });
      return owner === null ? inStoreText({ name, head }) : `${owner.name} holds ${name}, and its checkpoint ${head?.sequence ?? 0} is safe in the store: see \`godwit status ${name}\``;
    } catch {
      return `checkpoint ${free.head?.sequence ?? 0} of ${free.name} is safe in the store; the coordinator is out of reach, so \`godwit status\` says later who holds it`;
    }
  }

  #plan({ head, epoch, owner, name }: Desktop, to: string): Moved {
    return { name, from: owner?.name ?? null, to, done: false, sequence: head?.sequence ?? null, epoch, pauseMs: null, runningMs: null, arrive: null };
  }

  async #arrived(free: Desktop, from: string | null, { sequence, epoch, arrive }: Pick<ControlResult<'resume'>, 'sequence' | 'epoch' | 'arrive'>): Promise<Moved> {
    return { ...this.#plan(free, this.#host.account.settings.hostName), from, done: true, sequence, epoch, arrive, runningMs: arrive.runningMs, pauseMs: await this.#pauseMs(free, from !== null) };
  }

  /** What the manifest says that whoever suspended it has signed. Nothing fails for the want of it. */
  async #pauseMs(free: Desktop, suspended: boolean): Promise<number | null> {
    if (!suspended || free.head === null) return null;
    try {
      return (await openHead(this.#host, free, free.head)).private.stats.pauseMs;
    } catch (error) {
      this.#host.log.info('pause-not-known', { desktop: free.desktopId, error });
      return null;
    }
  }
}
