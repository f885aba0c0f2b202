import { Fault, type Random } from '@godwit/base';
import { cryptoReady } from '@godwit/crypto';
import type { ControlProgress, ControlResult, DesktopStatus } from '@godwit/wire';
import { setTimeout as sleep } from 'node:timers/promises';
import { Insider } from '../account/insider.ts';
import { withoutCredentials } from '../account/people.ts';
import { machineOf, smallImage, tickOf } from '../e2e/two-hosts.ts';
import { parseTick, waitForTick, type GuestTick } from '../house/guest.ts';
import { enrolSecond, House, type TestHost } from '../house/house.ts';
import { pickOf, type Ending } from './fault.ts';
import { Memory } from './memory.ts';
import { RunWatch } from './run-watch.ts';
import { TcpProxy } from './tcp-proxy.ts';

/** What a fault needs another house for. */
export interface StageWish {
  /** Default 2. */
  readonly hosts?: 2 | 3;
  /** Whether the desktop may run without word from the coordinator; default `keep`. */
  readonly offline?: 'keep' | 'stop';
  /** Of every agent, beside its own. */
  readonly environment?: Readonly<Record<string, string>>;
}

/** One host of the stage, and the network between it and the coordinator. */
export interface Actor {
  readonly name: string;
  readonly host: TestHost;
  readonly proxy: TcpProxy;
  /** Speaks for the host past its agent and past the proxy. */
  readonly insider: Insider;
}

/** The desktop has to run again so long after everything that was killed or cut off is back. */
export const stuckMs = 60_000;
/** Objects that nothing needs are deleted within seconds, so that a campaign sees it. */
export const coordinatorWords = ['--grace', '5', '--upkeep', '2'];
const lookMs = 200;
/** The guest syncs its counter and then renames the file: ext4 may hold the rename for 5 s, of five ticks each, and one second of work. */
export const unsyncedTicks = 30;
/** More than a machine says in a run. */
const consoleLines = 5_000;

/** A coordinator, hosts behind proxies of their own, and one desktop whose guest is at work. Faults are done to it one after the other. */
export class Stage {
  readonly house: House;
  readonly actors: readonly Actor[];
  readonly desktop = 'work';
  readonly watch: RunWatch;
  /** What was acknowledged, for the oracles. */
  readonly memory = new Memory();
  /** Who had the desktop last, as far as the stage knows. */
  holder: Actor;
  /** The newest tick that the guest was seen at before the fault. */
  seen!: GuestTick;
  /** A tick before the newest checkpoint that was acknowledged: no fault may set the guest back behind it. */
  floor: GuestTick | undefined;
  readonly #listen: string;
  readonly #down = new Set<Actor>();
  /** The QEMU in which the guest was seen. */
  #machine = 0;
  #coordinatorDown = false;

  private constructor(house: House, actors: readonly Actor[]) {
    this.house = house;
    this.actors = actors;
    this.holder = actors[0]!;
    this.#listen = new URL(house.url).host;
    this.watch = new RunWatch(house.directory);
  }

  static async open({ hosts = 2, offline = 'keep', environment: wished = {} }: StageWish = {}): Promise<Stage> {
    await cryptoReady();
    const house = new House();
    const proxies: TcpProxy[] = [];
    try {
      await house.startCoordinator('127.0.0.1:0', coordinatorWords);
      const environment = { ...withoutCredentials(house), ...wished };
      const names = ['laptop-a', 'laptop-b', 'laptop-c'].slice(0, hosts);
      const added = await Promise.all(names.map(async (name) => ({ name, host: await house.addHost(name, environment), proxy: await TcpProxy.before(house.url) })));
      proxies.push(...added.map(({ proxy }) => proxy));
      const [first, ...others] = added;
      await first!.host.must('init', '--coordinator', first!.proxy.url, '--name', first!.name);
      for (const { host, proxy } of others) await enrolSecond(first!.host, host, proxy.url);
      const stage = new Stage(house, added.map((actor) => ({ ...actor, insider: new Insider(actor.host.home, house.url) })));
      await stage.#begin(offline);
      return stage;
    } catch (error) {
      for (const proxy of proxies) await proxy.close();
      await house.close();
      throw error;
    }
  }

  /** One checkpoint is there from the start: what may be lost is only what came after it. */
  async #begin(offline: 'keep' | 'stop'): Promise<void> {
    const { host } = this.holder;
    await host.must('create', this.desktop, '--image', smallImage, '--memory', '256M', '--cpus', '1', '--offline', offline);
    await host.must('start', this.desktop);
    this.seen = await waitForTick(host, this.desktop, ({ counter }) => counter > 2);
    await this.suspend();
    await host.call('prune', { name: this.desktop, retention: { last: 4, hourly: 0, daily: 0 }, confirmed: true, compact: false });
    await this.resume(this.holder);
  }

  /** Another host than `actor`. */
  other(actor: Actor = this.holder, random?: Random): Actor {
    const others = this.actors.filter((candidate) => candidate !== actor);
    return random === undefined ? others[0]! : pickOf(random, others);
  }

  /** Looks at the guest of the holder and remembers it. */
  async look(): Promise<GuestTick> {
    this.#machine = machineOf(this.holder.host);
    return (this.seen = await tickOf(this.holder.host, this.desktop));
  }

  /** Suspends on the holder, and remembers what was acknowledged. Throws what the agent throws. */
  async suspend(report: (progress: ControlProgress) => void = () => undefined): Promise<ControlResult<'suspend'>> {
    const tick = await this.look();
    const result = await this.holder.host.call('suspend', { name: this.desktop }, report);
    if (result.safe) {
      this.floor = tick;
      this.memory.acknowledged(this.desktop, result.sequence);
    }
    return result;
  }

  /** Resumes on `actor` and waits until everything is there and the guest has ticked. */
  async resume(actor: Actor): Promise<void> {
    await actor.host.call('resume', { name: this.desktop, eager: false, wait: true });
    this.holder = actor;
    const wrong = await this.#alive(actor, ['goes-on'], performance.now() + stuckMs);
    if (wrong.length > 0) throw new Error(wrong.join('; '));
  }

  /** Everything is well, and the desktop runs on the holder with all of it there. */
  async ready(random: Random): Promise<void> {
    const deadlineMs = performance.now() + stuckMs;
    for (;;) {
      const views = await this.views();
      const running = views.find(({ status }) => status?.state === 'running');
      if (running !== undefined) {
        this.holder = running.actor;
        await this.look();
        return;
      }
      if (performance.now() > deadlineMs) throw new Error(`the desktop is not ready for a fault: ${views.map(({ actor, status }) => `${actor.name} ${status?.state}`).join(', ')}`);
      if (!views.some(({ status }) => status?.state === 'filling')) await this.recover(['goes-on', 'from-checkpoint', 'from-disk'], random);
      await sleep(lookMs);
    }
  }

  /** The desktop is suspended and free: where faults of a resume begin. */
  async free(): Promise<void> {
    await this.suspend();
    // A host that has all of it in its cache would ask the store for nothing.
    await Promise.all(this.actors.map(({ host }) => host.call('cache', { limitBytes: null, clear: true, confirmed: true })));
  }

  async killAgent(actor: Actor = this.holder): Promise<void> {
    this.#down.add(actor);
    await actor.host.stopAgent('SIGKILL');
  }

  async startAgent(actor: Actor): Promise<void> {
    await actor.host.startAgent();
    this.#down.delete(actor);
  }

  async killCoordinator(): Promise<void> {
    this.#coordinatorDown = true;
    await this.house.stopCoordinator('SIGKILL');
  }

  async startCoordinator(): Promise<void> {
    await this.house.startCoordinator(this.#listen, coordinatorWords);
    this.#coordinatorDown = false;
  }

  /** Everything that was killed runs again, and every network is well. */
  async mend(): Promise<void> {
    await Promise.all(this.actors.map(({ proxy }) => proxy.heal()));
    await Promise.all([...(this.#coordinatorDown ? [this.startCoordinator()] : []), ...[...this.#down].map((actor) => this.startAgent(actor))]);
  }

  /** What each host says of the desktop; undefined from one that does not answer. */
  async views(): Promise<{ readonly actor: Actor; readonly status: DesktopStatus | undefined }[]> {
    return await Promise.all(
      this.actors.map(async (actor) => {
        try {
          const [status] = (await actor.host.call('status', { name: this.desktop })).desktops;
          return { actor, status };
        } catch {
          return { actor, status: undefined }; // It cannot say now; it is asked again.
        }
      }),
    );
  }

  /**
   * Does what its user would do until the guest ticks again as one of `ends` allows. Returns what was wrong with that, and how long it took from the
   * moment that everything is mended, that is, from its beginning.
   */
  async recover(ends: readonly Ending[], random: Random): Promise<{ recoveryMs: number; violations: string[] }> {
    const startedMs = performance.now();
    const deadlineMs = startedMs + stuckMs;
    await this.mend();
    let last = '';
    while (performance.now() < deadlineMs) {
      try {
        const actor = await this.#act(random);
        if (actor !== undefined) {
          this.holder = actor;
          const violations = await this.#alive(actor, ends, deadlineMs);
          return { recoveryMs: performance.now() - startedMs, violations };
        }
        last = (await this.views()).map(({ actor: { name }, status }) => `${name}: ${status?.state ?? 'silent'} ${status?.note ?? ''}`).join('; ');
      } catch (error) {
        last = Fault.from(error).message;
      }
      await sleep(lookMs);
    }
    return { recoveryMs: performance.now() - startedMs, violations: [`the desktop does not run ${stuckMs / 1000} s after the fault: ${last}`] };
  }

  /** One step of its user: returns who runs it now, undefined while that is still open. */
  async #act(random: Random): Promise<Actor | undefined> {
    const [views, { owner }] = await Promise.all([this.views(), this.holder.insider.desktop(this.desktop)]);
    const at = (...states: DesktopStatus['state'][]): Actor | undefined => views.find(({ status }) => status !== undefined && states.includes(status.state))?.actor;
    // A copy left behind says that it runs until it is told.
    const running = views.find(({ actor, status }) => actor.name === owner?.name && (status?.state === 'running' || status?.state === 'filling'));
    if (running !== undefined) return running.actor;
    if (at('departing', 'arriving', 'unknown', 'running', 'filling') !== undefined) return undefined;
    const stopped = at('stopped');
    if (stopped !== undefined) {
      await stopped.host.call('start', { name: this.desktop });
      return stopped;
    }
    const here = at('lost', 'saved') ?? (at('free') === undefined ? undefined : pickOf(random, this.actors));
    if (here !== undefined) await here.host.call('resume', { name: this.desktop, eager: false, wait: false });
    return here;
  }

  /** The guest runs on `actor` and was not set back further than `ends` allow; returns what it was otherwise. Throws when it does not tick in time. */
  async #alive(actor: Actor, ends: readonly Ending[], deadlineMs: number): Promise<string[]> {
    let first: GuestTick | undefined;
    for (;;) {
      const ticks = (await actor.host.consoleLines(this.desktop, consoleLines)).map(parseTick).filter((tick) => tick !== undefined);
      const last = ticks.at(-1);
      // What a machine said first is nearest to what it was made from; one that was there before the fault has said older things too.
      if (last !== undefined) first ??= machineOf(actor.host) === this.#machine ? last : ticks[0]!;
      if (first !== undefined && last !== undefined && last.counter > first.counter + 1) {
        const violations = setBack(first, ends, this.seen, this.floor);
        if (!last.memoryOk || !last.diskOk) violations.push(`the guest's own sums: memory ${last.memoryOk ? 'ok' : 'bad'}, disk ${last.diskOk ? 'ok' : 'bad'}`);
        this.seen = last;
        return violations;
      }
      if (performance.now() > deadlineMs) throw new Error(`the guest on ${actor.name} does not tick: ${JSON.stringify(last)} after ${JSON.stringify(this.seen)}`);
      await sleep(lookMs);
    }
  }

  async close(): Promise<void> {
    this.watch.close();
    await Promise.all(this.actors.map(({ proxy }) => proxy.close()));
    await this.house.close();
  }
}

/** How the first tick after a fault breaks what was promised about the ticks before it; empty: not at all. */
function setBack(first: GuestTick, ends: readonly Ending[], seen: GuestTick, floor: GuestTick | undefined): string[] {
  const isPast = (bound: GuestTick | undefined): boolean => bound !== undefined && first.counter >= bound.counter && first.uptimeSeconds >= bound.uptimeSeconds;
  const holds = { 'goes-on': isPast(seen), 'from-checkpoint': isPast(floor), 'from-disk': first.counter >= seen.counter - unsyncedTicks };
  return ends.some((ending) => holds[ending]) ? [] : [`the guest is at ${JSON.stringify(first)}, seen before at ${JSON.stringify(seen)}, last acknowledged after ${JSON.stringify(floor)}: not ${ends.join(' or ')}`];
}
