import { Inject, Injectable } from '@nestjs/common';
import { Fault, type DesktopId } from '@godwit/base';
import { bytesOf, type AnswerOf, type BodyOf, type Desktop, type Holding, type RenewedLease, type Routes } from '@godwit/wire';
import { inTransaction, reached, type Database } from '../database/database.ts';
import { DesktopsService } from '../desktops/desktops.service.ts';
import { EventsHub } from '../events/hub.ts';
import { HostsRepository } from '../hosts/hosts.repository.ts';
import type { Caller } from '../http/caller.ts';
import { databaseToken } from '../tokens.ts';
import { Holdings, lockHolding, type HeldEpoch } from './holdings.ts';
import { takeOverInMs } from './lease.ts';
import { allowed, readLease, refusalOf } from './lease.transitions.ts';
import { saveOfflinePolicy } from './offline-policy.transition.ts';
import { readKeepers } from './lease-keepers.ts';
import { Renewals, type DesktopPlace } from './renewals.ts';
import { takeOverDesktop } from './take-over.transition.ts';

type NamedEpoch = BodyOf<Routes['renewLeases']>['leases'][number];

/** Renewing, asking, taking over: what hosts say about the epochs that they and others hold. */
@Injectable()
export class LeasesService {
  readonly #db: Database;
  readonly #desktops: DesktopsService;
  readonly #holdings: Holdings;
  readonly #hosts: HostsRepository;
  readonly #renewals: Renewals;
  readonly #hub: EventsHub;

  constructor(
    @Inject(databaseToken) db: Database,
    @Inject(DesktopsService) desktops: DesktopsService,
    @Inject(Holdings) holdings: Holdings,
    @Inject(HostsRepository) hosts: HostsRepository,
    @Inject(Renewals) renewals: Renewals,
    @Inject(EventsHub) hub: EventsHub,
  ) {
    this.#db = db;
    this.#desktops = desktops;
    this.#holdings = holdings;
    this.#hosts = hosts;
    this.#renewals = renewals;
    this.#hub = hub;
  }

  /** Without a lock and without a write. */
  async renew(caller: Caller, { leases }: BodyOf<Routes['renewLeases']>): Promise<RenewedLease[]> {
    const { accountId } = caller;
    const found = await this.#holdings.read(accountId, leases.map(({ desktopId }) => desktopId));
    const told = leases.map((lease) => stateOf(caller, lease, found.get(lease.desktopId)));
    const disputed = leases.filter(({ desktopId, epoch }, at) => isStrict(told[at]) && !this.#renewals.renew({ accountId, desktopId }, epoch));
    if (disputed.length === 0) return told;
    const again = new Map<NamedEpoch, RenewedLease>();
    for (const lease of disputed) again.set(lease, await this.#renewUnderLock(caller, lease));
    return told.map((state, at) => again.get(leases[at]!) ?? state);
  }

  /** Another epoch was noted since the row was read, or is about to begin: whoever does that has the row locked, and this waits for it. */
  #renewUnderLock(caller: Caller, lease: NamedEpoch): Promise<RenewedLease> {
    const { accountId } = caller;
    const { desktopId, epoch } = lease;
    return inTransaction(this.#db, async (trx) => {
      const told = stateOf(caller, lease, await lockHolding(trx, this.#renewals.keeper, accountId, desktopId));
      if (isStrict(told)) this.#renewals.note({ accountId, desktopId }, epoch);
      return told;
    });
  }

  async holding({ accountId }: Caller, desktopId: DesktopId): Promise<Holding> {
    const found = (await this.#holdings.read(accountId, [desktopId])).get(desktopId);
    if (found === undefined) throw new Fault('DESKTOP_NOT_FOUND');
    const { epoch, held, holder, holderName, offline } = found;
    if (!held) return { epoch, holder: null, inReach: false, lastContactMs: null, offline, takeOverInMs: 0 };
    const lastContactMs = await this.#hosts.lastContactMs(holder);
    const strict = offline === 'stop';
    const term = { held, strict, renewedMs: strict ? await this.#renewedMs({ accountId, desktopId }, epoch) : 0 };
    return { epoch, holder: holderName, inReach: this.#hub.streamsOf(holder) > 0, lastContactMs, offline, takeOverInMs: Math.ceil(takeOverInMs(term, this.#renewals.nowMs())) };
  }

  /** As all replicas together remember it; only to be shown. */
  async #renewedMs(place: DesktopPlace, epoch: number): Promise<number> {
    const { keepers } = await reached(() => readKeepers(this.#db));
    const elsewhereMs = await this.#renewals.others.heardMs(keepers.filter((keeper) => keeper !== this.#renewals.keeper), place, epoch, false);
    return Math.max(elsewhereMs, this.#renewals.renewedMs(place, epoch));
  }

  /** Passes the wish on to the holder, if it is in reach; it is not kept. */
  async ask(caller: Caller, desktopId: DesktopId, { epoch, callOff }: BodyOf<Routes['askDeparture']>): Promise<Holding> {
    const { accountId } = caller;
    const lease = await reached(() => readLease(this.#db, accountId, desktopId));
    if (lease.epoch !== epoch) throw await refusalOf(this.#db, lease, { type: 'renew', host: caller.hostId, epoch }, 'EPOCH_FENCED');
    const answer = await this.holding(caller, desktopId);
    if (lease.held) this.#hub.publish(accountId, { type: callOff === true ? 'departure-called-off' : 'departure-asked', desktopId, epoch, by: caller.name });
    return answer;
  }

  /** Passes on how the departure goes; only the holder may say so. */
  async tell(caller: Caller, desktopId: DesktopId, progress: BodyOf<Routes['tellDeparture']>): Promise<void> {
    const lease = await reached(() => readLease(this.#db, caller.accountId, desktopId));
    await reached(() => allowed(this.#db, lease, { type: 'renew', host: caller.hostId, epoch: progress.epoch }));
    this.#hub.publish(caller.accountId, { type: 'departure-told', desktopId, ...progress });
  }

  /** Passes an order on to the host that it is for, if that is in reach; it is not kept, and only that host can judge it. */
  async askArrival(caller: Caller, desktopId: DesktopId, { to, order }: BodyOf<Routes['askArrival']>): Promise<AnswerOf<Routes['askArrival']>> {
    const { accountId } = caller;
    await reached(() => readLease(this.#db, accountId, desktopId));
    // A stranger's host is not there, whether its agent runs or not.
    if ((await this.#hosts.find(to))?.accountId !== accountId) throw new Fault('DEVICE_UNKNOWN', { subject: to });
    const inReach = this.#hub.streamsOf(to) > 0;
    this.#hub.publish(accountId, { type: 'arrival-asked', desktopId, to, by: caller.name, order });
    return { inReach };
  }

  async tellArrival(caller: Caller, desktopId: DesktopId, progress: BodyOf<Routes['tellArrival']>): Promise<void> {
    await reached(() => readLease(this.#db, caller.accountId, desktopId));
    this.#hub.publish(caller.accountId, { type: 'arrival-told', desktopId, host: caller.hostId, ...progress });
  }

  async takeOver(caller: Caller, desktopId: DesktopId, { epoch, expectedHeadDigest }: BodyOf<Routes['takeOverDesktop']>): Promise<AnswerOf<Routes['takeOverDesktop']>> {
    const wish = { epoch, expectedHead: bytesOf(expectedHeadDigest).toString('hex') };
    const lease = await inTransaction(this.#db, (trx) => takeOverDesktop(trx, caller, desktopId, wish, this.#renewals));
    return this.#desktops.tellOwner(caller, desktopId, lease);
  }

  async saveOfflinePolicy(caller: Caller, desktopId: DesktopId, { policy }: BodyOf<Routes['saveOfflinePolicy']>): Promise<Desktop> {
    // Before anything is said about the policy: a foreign desktop is not there, whatever is sent to it.
    await reached(() => readLease(this.#db, caller.accountId, desktopId));
    await inTransaction(this.#db, (trx) => saveOfflinePolicy(trx, caller, desktopId, bytesOf(policy), this.#renewals));
    return this.#desktops.read(caller, desktopId);
  }
}

/** What a host is told about an epoch that it names. A later one than the current was never granted: whoever says so is told nothing. */
function stateOf({ hostId }: Caller, { desktopId, epoch }: NamedEpoch, found: HeldEpoch | undefined): RenewedLease {
  if (found === undefined || found.epoch < epoch) return { desktopId, state: 'unknown' };
  if (found.epoch > epoch) return { desktopId, state: 'superseded', epoch: found.epoch, by: found.holderName };
  if (found.holder !== hostId) return { desktopId, state: 'unknown' };
  if (!found.held) return { desktopId, state: 'released' };
  // No word is safe: the guest ends with its lease. Another coordinator may let the desktop be taken over, and would not know of this renewal.
  if (found.offline === 'stop' && !found.kept) throw new Fault('LEASES_KEPT_ELSEWHERE');
  return { desktopId, state: 'current', offline: found.offline };
}

function isStrict(told: RenewedLease | undefined): boolean {
  return told?.state === 'current' && told.offline === 'stop';
}
