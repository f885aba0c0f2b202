import type { TestContext } from 'node:test';
import { Fault, newId, silentLog, systemRandom, type DesktopId, type HostId } from '@godwit/base';
import { createDevice, type ChainState, type DeviceSecrets } from '@godwit/crypto';
import type { BodyOf, ControlProgress, Desktop, EventMessage, Routes } from '@godwit/wire';
import type { Coordinator } from '../../account/coordinator.ts';
import type { EventListener } from '../../lease/event-stream.ts';
import { settle, TestClock } from '../../lease/testing/world.ts';
import { ArrivalElsewhere } from '../await-arrival.ts';
import { awaitDeparture } from '../await-departure.ts';
import { AskedArrivals } from '../asked-arrival.ts';
import type { FollowPorts } from '../follow.ts';

/** Two ends of a move with a coordinator between them that can be switched off, on a clock that only the test moves. */
export class TwoEnds {
  readonly clock: TestClock;
  readonly self: DeviceSecrets = createDevice(systemRandom);
  readonly other: DeviceSecrets = createDevice(systemRandom);
  readonly stranger: DeviceSecrets = createDevice(systemRandom);
  readonly revoked: DeviceSecrets = createDevice(systemRandom);
  desktop: Desktop;
  /** The coordinator answers. */
  up = true;
  /** It loses what it is told of an arrival. */
  deaf = false;
  /** The other host has its event stream open. */
  inReach = true;
  /** It seems to, and what is sent to it gets lost. */
  losesOrders = false;
  mayArrive = true;
  fits: () => Promise<void> = () => Promise.resolve();
  resumeThere: (signal: AbortSignal, report: (progress: ControlProgress) => void) => Promise<number> = () => Promise.resolve(230);
  readonly calls: string[] = [];
  readonly resumed: string[] = [];
  readonly said: ControlProgress[] = [];
  readonly report = (progress: ControlProgress): void => void this.said.push(progress);
  /** What the holder does when it is asked, and when that is called off. */
  onAsk: () => void = () => undefined;
  onCallOff: () => void = () => undefined;
  readonly #listeners = new Set<EventListener>();
  readonly #arrivals: AskedArrivals;

  constructor(context: TestContext) {
    this.clock = new TestClock(context);
    this.desktop = { desktopId: newId<DesktopId>(systemRandom), name: 'work', epoch: 5, owner: { hostId: this.other.hostId, name: 'laptop-a' }, head: { sequence: 3 } } as unknown as Desktop;
    this.#arrivals = new AskedArrivals({
      self: this.other.hostId,
      chain: () => Promise.resolve(this.#chain()),
      coordinator: { call: this.#callOf(this.other.hostId) },
      clock: this.clock,
      log: silentLog,
      mayArrive: () => this.mayArrive,
      assertFits: () => this.fits(),
      resume: async (name, report, signal) => {
        this.resumed.push(name);
        return { arrive: { runningMs: await this.resumeThere(signal, report) } } as never;
      },
      onArrival: () => undefined,
    });
  }

  get ports(): FollowPorts {
    return { coordinator: { call: this.#callOf(this.self.hostId) }, events: { subscribe: (listener) => this.#subscribe(listener) }, clock: this.clock };
  }

  departure(signal?: AbortSignal): Promise<Desktop> {
    return awaitDeparture(this.ports, this.desktop, 'laptop-a', this.report, signal);
  }

  /** The other host as the place to go to. */
  arrival(device = this.self): ArrivalElsewhere {
    return new ArrivalElsewhere({ ...this.ports, device, random: systemRandom }, { hostId: this.other.hostId, name: 'laptop-b' });
  }

  /** The holder suspends it: it is free, with one more checkpoint. */
  free(): void {
    this.desktop = { ...this.desktop, owner: null, head: { ...this.desktop.head!, sequence: 4 } };
  }

  publish(message: EventMessage): void {
    for (const listener of [...this.#listeners]) listener(message);
    if (message.type === 'arrival-asked') void this.#arrivals.asked(message);
  }

  tellDeparture(state: 'departing' | 'failed', phase: string, doneBytes: number, found: string | null = null): void {
    this.publish({ type: 'departure-told', desktopId: this.desktop.desktopId, epoch: 5, state, phase, doneBytes, totalBytes: 1000, found });
  }

  /** The stream is connected again. */
  hello(): void {
    this.publish({ type: 'hello', accountId: newId(systemRandom), hostId: this.self.hostId, timeMs: 0 });
  }

  /** The outcome of `work` while so much time passes; undefined: it has none yet. */
  async outcome(work: Promise<unknown>, ms: number): Promise<unknown> {
    let outcome: unknown;
    work.then((value) => (outcome = value), (error: unknown) => (outcome = error));
    await this.clock.pass(ms);
    await settle();
    return outcome;
  }

  #subscribe(listener: EventListener): () => void {
    this.#listeners.add(listener);
    return () => void this.#listeners.delete(listener);
  }

  #chain(): ChainState {
    const device = (of: DeviceSecrets, name: string, revokedAt?: number) => [of.hostId, { device: of, name, ...(revokedAt === undefined ? {} : { revokedAt }) }] as const;
    return { devices: new Map([device(this.self, 'laptop-a'), device(this.other, 'laptop-b'), device(this.revoked, 'lost', 3)]) } as unknown as ChainState;
  }

  #callOf(by: HostId): Coordinator['call'] {
    const { desktopId } = this.desktop;
    return ((id: string, { body }: { body: unknown }) => {
      if (!this.up) return Promise.reject(new Fault('COORDINATOR_UNREACHABLE'));
      this.calls.push(id);
      if (id === 'readDesktop') return Promise.resolve(this.desktop);
      if (id === 'askDeparture') ((body as BodyOf<Routes['askDeparture']>).callOff === true ? this.onCallOff : this.onAsk)();
      if (id === 'askArrival') {
        if (this.inReach && !this.losesOrders) this.publish({ type: 'arrival-asked', desktopId, by: 'laptop-a', ...(body as BodyOf<Routes['askArrival']>) });
        return Promise.resolve({ inReach: this.inReach });
      }
      if (id === 'tellArrival' && this.deaf) return Promise.reject(new Fault('COORDINATOR_UNREACHABLE'));
      if (id === 'tellArrival') this.publish({ type: 'arrival-told', desktopId, host: by, ...(body as BodyOf<Routes['tellArrival']>) });
      return Promise.resolve({});
    }) as unknown as Coordinator['call'];
  }
}
