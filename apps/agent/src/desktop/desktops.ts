import { readdirSync } from 'node:fs';
import { Fault, parseId, type DesktopId } from '@godwit/base';
import type { ControlArguments, ControlResult, Desktop, DesktopStatus } from '@godwit/wire';
import { arrive } from '../arrive/arrive.ts';
import type { Report } from '../daemon/control-server.ts';
import { runOn } from '../depart/capture-state.ts';
import { clear, depart } from '../depart/depart.ts';
import { commitUntilKnown } from '../depart/commit.ts';
import { assertFit } from '../machine/fitness.ts';
import { Machine } from '../machine/machine.ts';
import { QemuProcess } from '../machine/qemu-process.ts';
import { createDesktop } from './create.ts';
import { findDesktop, notFound } from './find-desktop.ts';
import { machineHost, roomOf, type Host } from './host.ts';
import { LocalDesktop } from './local-desktop.ts';
import { loadRecord } from './record.ts';
import { statusOfLocal, statusOfRemote } from './status.ts';

/** Every desktop that this host holds, and what can be done with desktops here. */
export class Desktops {
  readonly #host: Host;
  readonly #local = new Map<DesktopId, LocalDesktop>();
  /** Names being created or resumed: they have no local desktop yet, but two commands at once must not both make one. */
  readonly #arriving = new Set<string>();

  /** Why desktops that this host still holds were lost here, by their id: for `status`, as long as this agent lives. */
  readonly #losses = new Map<string, string>();

  constructor(host: Host) {
    this.#host = host;
  }

  /** Finds what an earlier agent left: machines that still run are taken on, what depended on that agent is given up. */
  async recover(): Promise<void> {
    const { home, log } = this.#host;
    for (const name of readdirSync(home.desktopsDirectory)) {
      const desktopHome = home.desktop(parseId<DesktopId>(name));
      const record = await loadRecord(desktopHome);
      if (record === undefined) continue;
      const desktop = new LocalDesktop(desktopHome, record);
      this.#local.set(record.desktopId, desktop);
      if (record.stage === 'arriving') {
        await this.#giveUpArrival(desktop);
        continue;
      }
      const machine = record.machine === null ? undefined : await Machine.find(machineHost(this.#host), desktopHome, record.machine);
      log.info('desktop-found', { desktop: record.desktopId, stage: record.stage, running: machine !== undefined });
      await desktop.reconcileLayers(machine);
      if (machine !== undefined) await this.#takeOn(desktop, machine);
      this.#settleCommit(desktop);
    }
  }

  async create(wish: ControlArguments<'create'>): Promise<ControlResult<'create'>> {
    return this.#once(wish.name, async () => {
      const { desktop, result } = await createDesktop(this.#host, wish);
      this.#local.set(desktop.record.desktopId, desktop);
      return result;
    });
  }

  async start({ name }: ControlArguments<'start'>): Promise<ControlResult<'start'>> {
    const startedMs = this.#host.clock.workMs();
    const desktop = await this.#here(name);
    return desktop.exclusively('starting', async () => {
      if (desktop.state === 'running' || desktop.machine !== undefined) throw new Fault('DESKTOP_RUNNING', { subject: name });
      assertFit(desktop.record.contract, this.#host.capabilities, await roomOf(this.#host, 0));
      const machine = await Machine.launch(machineHost(this.#host), { home: desktop.home, contract: desktop.record.contract, disks: desktop.layers(), incoming: false });
      await desktop.update({ machine: machine.process.id });
      this.#attach(desktop, machine);
      return { name, runningMs: this.#host.clock.workMs() - startedMs };
    });
  }

  async stop({ name, force }: ControlArguments<'stop'>): Promise<ControlResult<'stop'>> {
    const desktop = await this.#here(name);
    if (desktop.operation === 'filling') throw new Fault('DESKTOP_FILLING', { subject: name });
    return desktop.exclusively('stopping', async () => {
      const { machine } = desktop;
      if (machine === undefined) throw new Fault('DESKTOP_NOT_RUNNING', { subject: name });
      if (desktop.commitPending) throw new Fault('COMMIT_UNKNOWN', { subject: name });
      const clean = force ? await machine.end().then(() => false) : await machine.shutDown();
      await desktop.update({ machine: null });
      return { name, clean };
    });
  }

  async suspend({ name }: ControlArguments<'suspend'>, report: Report): Promise<ControlResult<'suspend'>> {
    const desktop = await this.#here(name);
    if (desktop.operation === 'filling') throw new Fault('DESKTOP_FILLING', { subject: name });
    return desktop.exclusively('departing', async () => {
      if (desktop.commitPending) throw new Fault('COMMIT_UNKNOWN', { subject: name });
      try {
        const { sequence, epoch, figures, safe } = await depart(this.#host, desktop, report);
        this.#local.delete(desktop.record.desktopId);
        return { name, sequence, epoch, depart: figures, safe: true, receipt: safe.receipt, receiptFile: safe.file };
      } catch (error) {
        this.#settleCommit(desktop);
        throw error;
      }
    });
  }

  async resume({ name, eager, wait }: ControlArguments<'resume'>, report: Report): Promise<ControlResult<'resume'>> {
    return this.#once(name, async () => {
      const remote = await findDesktop(this.#host.account, name);
      if (remote.owner !== null && remote.owner.hostId !== this.#host.account.device.hostId) throw new Fault('DESKTOP_HELD_ELSEWHERE', { subject: name, found: `it on ${remote.owner.name}` });
      const local = this.#local.get(remote.desktopId);
      if (local !== undefined) throw new Fault(local.state === 'running' || local.operation !== undefined ? 'DESKTOP_RUNNING' : 'DESKTOP_HERE', { subject: name, hint: local.machine === undefined ? `start it with \`godwit start ${name}\`` : 'see `godwit status`' });
      const { desktop, sequence, epoch, complete } = await arrive(this.#host, remote, { eager }, report);
      this.#local.set(remote.desktopId, desktop);
      this.#losses.delete(remote.desktopId);
      const filled = desktop.exclusively('filling', () => complete).catch((error: unknown) => this.#lost(desktop, error));
      filled.catch(() => undefined); // Logged where it happened; without --wait nobody is left to be told.
      if (wait) await filled;
      return { name, sequence, epoch, arrive: desktop.arrival! };
    });
  }

  /** The desktops of the account as far as they can be seen from here. */
  async status(name: string | null): Promise<{ reachable: boolean; desktops: DesktopStatus[] }> {
    const { account, log } = this.#host;
    let remote: readonly Desktop[] | undefined;
    try {
      // Whoever looks here looks at the log too: a coordinator with another past is not believed about desktops either.
      await account.logWatch.contact();
      remote = (await account.coordinator.call('listDesktops', {})).desktops;
      for (const desktop of remote) account.heads.check(desktop, desktop.head);
    } catch (error) {
      const { kind, code } = Fault.from(error);
      if (kind !== 'unavailable' || code === 'LOG_UNSOUND' || code === 'LOG_REWOUND') throw error;
      log.info('coordinator-unreachable', { error });
    }
    const local = [...this.#local.values()];
    const seen = new Set(local.map(({ record }) => record.desktopId));
    const all = [...local.map((desktop) => statusOfLocal(desktop, account.settings.hostName)), ...(remote ?? []).filter(({ desktopId }) => !seen.has(desktopId)).map((desktop) => statusOfRemote(desktop, { self: account.device.hostId, arriving: this.#arriving.has(desktop.name), loss: this.#losses.get(desktop.desktopId) }))];
    const desktops = all.filter((desktop) => name === null || desktop.name === name).sort((a, b) => a.name.localeCompare(b.name));
    if (name !== null && desktops.length === 0) throw remote === undefined ? new Fault('COORDINATOR_UNREACHABLE', { subject: account.settings.coordinator }) : notFound(name, all.map((desktop) => desktop.name));
    return { reachable: remote !== undefined, desktops };
  }

  async console(name: string, lines: number): Promise<string[]> {
    const desktop = await this.#here(name);
    if (desktop.machine === undefined) throw new Fault('DESKTOP_NOT_RUNNING', { subject: name });
    return desktop.machine.serial.lines(lines);
  }

  /** The desktop that this host holds, or the fault that says where it is. */
  async #here(name: string): Promise<LocalDesktop> {
    const local = [...this.#local.values()].find((desktop) => desktop.name === name);
    if (local !== undefined) return local;
    if (this.#arriving.has(name)) throw new Fault('DESKTOP_BUSY', { subject: name, found: 'arriving' });
    const { owner, head, desktopId } = await findDesktop(this.#host.account, name);
    if (owner === null) throw new Fault('DESKTOP_FREE', { subject: name, found: `checkpoint ${head?.sequence ?? 0} in the store`, hint: `resume it with \`godwit resume ${name}\`` });
    if (owner.hostId === this.#host.account.device.hostId) throw new Fault('DESKTOP_LOST', { subject: name, ...this.#lossOf(desktopId), hint: `go on from its last checkpoint with \`godwit resume ${name}\`` });
    throw new Fault('DESKTOP_HELD_ELSEWHERE', { subject: name, found: `it on ${owner.name}` });
  }

  #lossOf(desktopId: string): { found?: string } {
    const found = this.#losses.get(desktopId);
    return found === undefined ? {} : { found };
  }

  /** An agent that ended in the middle of a capture may have left the guest paused. One whose commit nobody knows the outcome of stays so. */
  async #takeOn(desktop: LocalDesktop, machine: Machine): Promise<void> {
    this.#attach(desktop, machine);
    if (!desktop.commitPending) await runOn(machine);
  }

  #attach(desktop: LocalDesktop, machine: Machine): void {
    desktop.note = undefined;
    desktop.attach(machine, () => {
      if (desktop.operation !== 'stopping') desktop.note = 'its machine ended by itself';
    });
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

  /** Its QEMU is not asked: one that waits for a page from an agent that is gone answers nobody. */
  async #giveUpArrival(desktop: LocalDesktop): Promise<void> {
    const { machine } = desktop.record;
    if (machine !== null) await QemuProcess.find(machine)?.kill();
    await this.#giveUp(desktop, 'the agent ended before it had everything');
  }

  /** What is here is worth nothing without the pages that never came. The lease stays: the next resume here takes it up again. */
  async #giveUp(desktop: LocalDesktop, reason: string): Promise<void> {
    this.#losses.set(desktop.record.desktopId, reason);
    this.#local.delete(desktop.record.desktopId);
    await desktop.forget();
  }

  /** Goes on asking about a commit whose outcome is not known, if there is one. Then the desktop is gone from here, or, refused, runs on. */
  #settleCommit(desktop: LocalDesktop): void {
    if (!desktop.commitPending) return;
    const ask = async (): Promise<void> => {
      for (;;) {
        try {
          await commitUntilKnown(this.#host, desktop);
          await clear(desktop);
          this.#local.delete(desktop.record.desktopId);
          return;
        } catch (error) {
          const fault = Fault.from(error);
          desktop.note = fault.message;
          this.#host.log.warn('commit-not-settled', { desktop: desktop.record.desktopId, error: fault });
          if (fault.kind === 'unavailable') await new Promise((resolve) => setTimeout(resolve, 2_000));
          else {
            await desktop.refuseCommit(fault);
            return;
          }
        }
      }
    };
    ask().catch((error: unknown) => this.#host.log.error('commit-not-settled', { desktop: desktop.record.desktopId, error }));
  }
}
