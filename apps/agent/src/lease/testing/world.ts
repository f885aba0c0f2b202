import type { TestContext } from 'node:test';
import { Fault, silentLog, type Clock, type DesktopId } from '@godwit/base';
import { leaseTermMs, type OfflineMode, type RenewedLease } from '@godwit/wire';
import type { Coordinator } from '../../account/coordinator.ts';
import { LocalDesktop } from '../../desktop/local-desktop.ts';
import { keptHere, type DesktopRecord } from '../../desktop/record.ts';
import type { DesktopHome } from '../../home.ts';
import { newContract } from '../../machine/contract.ts';
import type { Machine } from '../../machine/machine.ts';
import type { Taken } from '../held-desktop.ts';
import { LeaseHolder } from '../lease-holder.ts';

/** What a lease holder meets, on a clock that only the test moves: desktops without disks, a coordinator without a network. */

const stepMs = 50;

/** A clock whose timers are node:test's. */
export class TestClock implements Clock {
  #bootMs = 1_000_000;
  #workMs = 500_000;
  readonly #context: TestContext;

  constructor(context: TestContext) {
    this.#context = context;
    context.mock.timers.enable({ apis: ['setTimeout', 'setInterval'] });
  }

  wallMs(): number {
    return this.#bootMs + 1e12;
  }

  bootMs(): number {
    return this.#bootMs;
  }

  workMs(): number {
    return this.#workMs;
  }

  /** Time with everything awake. `onStep`: after each 50 ms of it. */
  async pass(ms: number, onStep: () => void = () => undefined): Promise<void> {
    for (let passedMs = 0; passedMs < ms; passedMs += stepMs) {
      this.#bootMs += stepMs;
      this.#workMs += stepMs;
      this.#context.mock.timers.tick(stepMs);
      await settle();
      onStep();
    }
  }

  /** Time in which nothing runs, not even timers. */
  sleep(ms: number): void {
    this.#bootMs += ms;
  }

  /** As `sleep`, but every clock goes on: a process that was stopped. */
  stand(ms: number): void {
    this.#bootMs += ms;
    this.#workMs += ms;
  }
}

/** Lets everything happen that needs no time. */
export async function settle(): Promise<void> {
  for (let turns = 0; turns < 4; turns += 1) await new Promise((resolve) => setImmediate(resolve));
}

/** A desktop whose guest is a boolean and whose record is kept in memory. */
export class TestDesktop extends LocalDesktop {
  runs = true;
  /** QEMU does not answer. */
  stuck = false;
  held = 0;

  constructor(number: number, offline: OfflineMode) {
    super({} as DesktopHome, recordOf(number, offline));
    this.machine = Object.create(null) as Machine;
  }

  override async hold(): Promise<void> {
    if (this.stuck) return Promise.reject(new Fault('QMP_TIMEOUT'));
    this.held += 1;
    this.runs = false;
    return Promise.resolve();
  }

  override async goOn(): Promise<void> {
    if (this.stuck) return Promise.reject(new Fault('QMP_TIMEOUT'));
    if (this.mayRun) this.runs = true;
    return Promise.resolve();
  }

  override async update(change: Partial<DesktopRecord>): Promise<void> {
    this.record = { ...this.record, ...change };
    return Promise.resolve();
  }
}

function recordOf(number: number, offline: OfflineMode): DesktopRecord {
  const zeros = (lengthBytes: number): Buffer => Buffer.alloc(lengthBytes, number);
  const contract = newContract({ cpus: 1, memoryBytes: 2 ** 28, diskBytes: 2 ** 20, accelerator: 'tcg', firmware: { file: 'bios.bin', lengthBytes: 1, sha256: '0'.repeat(64) }, qemuVersion: '7.2.0' }, zeros);
  const machine = { pid: 1, startTicks: '1' };
  return { version: 1, desktopId: number.toString(16).padStart(32, '0') as DesktopId, name: `d${number}`, epoch: 5, contract, base: null, disks: [], nextLayer: 0, machine, stage: 'settled', commit: null, ...keptHere, offline };
}

type Mood = 'answers' | 'refuses' | 'hangs' | 'revoked';

/** The coordinator's side of renewals: who has which epoch, and until when a strict lease is sure to hold. */
export class TestCoordinator implements Pick<Coordinator, 'call'> {
  mood: Mood = 'answers';
  /** One way, each. */
  latencyMs = 0;
  /** Desktops that another host has taken over, or that were released. */
  readonly over = new Map<string, RenewedLease>();
  readonly offline = new Map<string, OfflineMode>();
  /** When a renewal was accepted, by desktop, on the boot clock. */
  readonly renewedMs = new Map<string, number>();
  readonly asked: number[] = [];
  readonly #clock: Clock;

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  readonly call = (async (id: string, { body }: { body: { leases: { desktopId: string; epoch: number }[] } }, { timeoutMs }: { timeoutMs: number }): Promise<unknown> => {
    if (id !== 'renewLeases') throw new Fault('ROUTE_NOT_FOUND');
    this.asked.push(body.leases.length);
    if (this.mood === 'refuses') throw new Fault('COORDINATOR_UNREACHABLE');
    if (this.mood === 'revoked') throw new Fault('HOST_REVOKED');
    const late = new Promise<never>((_, reject) => setTimeout(() => reject(new Fault('COORDINATOR_UNREACHABLE')), timeoutMs));
    late.catch(() => undefined); // Mostly the answer is there before.
    return Promise.race([this.#answer(body.leases), late]);
  }) as Coordinator['call'];

  async #answer(asked: readonly { desktopId: string; epoch: number }[]): Promise<unknown> {
    await this.#travel();
    if (this.mood === 'hangs') await new Promise(() => undefined);
    const leases = asked.map(({ desktopId }) => this.over.get(desktopId) ?? { desktopId, state: 'current', offline: this.offline.get(desktopId) ?? 'keep' });
    for (const { desktopId, state } of leases) if (state === 'current') this.renewedMs.set(desktopId, this.#clock.bootMs());
    await this.#travel();
    return { leases };
  }

  async #travel(): Promise<void> {
    if (this.latencyMs > 0) await new Promise((resolve) => setTimeout(resolve, this.latencyMs));
  }

  /** Whether a strict guest may run by right now, as the coordinator sees it. */
  inTerm(desktopId: string): boolean {
    return this.#clock.bootMs() < (this.renewedMs.get(desktopId) ?? -Infinity) + leaseTermMs;
  }
}

export class TestGuard {
  alive = true;
  deadlineMs: number | null = null;

  async setDeadline(deadlineMs: number | null): Promise<void> {
    if (!this.alive) return Promise.reject(new Fault('GUARD_LOST'));
    this.deadlineMs = deadlineMs;
    return Promise.resolve();
  }

  async end(): Promise<void> {
    this.alive = false;
    return Promise.resolve();
  }
}

export class World {
  readonly clock: TestClock;
  readonly coordinator: TestCoordinator;
  readonly leases: LeaseHolder;
  readonly guards = new Map<string, TestGuard>();
  readonly forks: { readonly name: string; readonly taken: Taken }[] = [];
  readonly reached: string[] = [];
  readonly policiesLost: string[] = [];
  guardsStart = true;
  wakes = 0;
  #next = 1;

  constructor(context: TestContext) {
    this.clock = new TestClock(context);
    this.coordinator = new TestCoordinator(this.clock);
    const guardOf = ({ record }: LocalDesktop): Promise<TestGuard> => {
      if (!this.guardsStart) return Promise.reject(new Fault('GUARD_LOST'));
      const found = this.guards.get(record.desktopId);
      const guard = found?.alive === true ? found : new TestGuard();
      this.guards.set(record.desktopId, guard);
      return Promise.resolve(guard);
    };
    this.leases = new LeaseHolder({ coordinator: this.coordinator, clock: this.clock, log: silentLog, guardOf });
    this.leases.serve({
      onFork: ({ name }, taken) => this.forks.push({ name, taken }),
      onReach: ({ name }) => this.reached.push(name),
      onPolicyLost: ({ name }) => this.policiesLost.push(name),
      onWake: () => (this.wakes += 1),
    });
  }

  /** A desktop that was just acquired and runs. */
  async hold(offline: OfflineMode = 'keep'): Promise<TestDesktop> {
    const desktop = new TestDesktop(this.#next, offline);
    this.#next += 1;
    this.coordinator.offline.set(desktop.record.desktopId, offline);
    this.coordinator.renewedMs.set(desktop.record.desktopId, this.clock.bootMs());
    this.leases.watch(desktop);
    await this.leases.renewed(desktop, this.clock.bootMs());
    return desktop;
  }

  takeOver({ record: { desktopId, epoch } }: LocalDesktop): void {
    this.coordinator.over.set(desktopId, { desktopId, state: 'superseded', epoch: epoch + 1, by: 'laptop-b' });
  }
}
