import { Fault } from '@godwit/base';
import type { ControlResult } from '@godwit/wire';
import type { Report } from '../daemon/control-server.ts';
import { isDecision } from '../depart/commit.ts';
import { settlePending } from '../depart/pending-commit.ts';
import type { Host } from '../desktop/host.ts';
import type { LocalDesktop } from '../desktop/local-desktop.ts';
import { shortenChain } from '../desktop/shorten-chain.ts';
import { toldCheckpoint } from '../told-moves/told.ts';
import type { CheckpointMade } from './background-checkpoint.ts';
import { WaysSeen } from './capture-way.ts';
import { isDue } from './pace.ts';
import { ProtectedList } from './protected-list.ts';

const lookMs = 1_000;
/** Between questions about a commit whose outcome is not known. */
const askEveryMs = 2_000;

/** What the pace of one desktop rests on, as long as this agent lives. */
interface Seen {
  /** Of the protection here, or of the last checkpoint, by the boot clock; undefined: one is due at once. */
  madeMs: number | undefined;
  tookMs: number;
  failures: number;
  failedMs: number;
  /** Of QEMU, at `madeMs`. */
  processorMs: number | undefined;
  readonly ways: WaysSeen;
}

/** Background checkpoints: when they are due (pace.ts), one at a time on this host, and what is known of them. */
export class Protection {
  readonly #host: Host;
  readonly #local: () => Iterable<LocalDesktop>;
  /** The right to a desktop ended: whose it is has to be asked. */
  readonly #onFenced: (desktop: LocalDesktop, fault: Fault) => void;
  readonly #seen = new WeakMap<LocalDesktop, Seen>();
  readonly #asking = new WeakSet<LocalDesktop>();
  #list: Promise<ProtectedList> | undefined;
  #looking = false;

  constructor(host: Host, local: () => Iterable<LocalDesktop>, onFenced: (desktop: LocalDesktop, fault: Fault) => void) {
    this.#host = host;
    this.#local = local;
    this.#onFenced = onFenced;
  }

  begin(): void {
    setInterval(() => void this.#look(), lookMs).unref();
  }

  /** A desktop that an earlier agent left: what it sent and never heard of is asked about. */
  takeUp(desktop: LocalDesktop): void {
    if (desktop.record.pending !== null) this.#ask(desktop);
  }

  /** One now, whatever the pace. */
  async checkpoint(desktop: LocalDesktop, report: Report, signal?: AbortSignal): Promise<ControlResult<'checkpoint'>> {
    return { name: desktop.name, ...(await this.#make(desktop, report, signal)) };
  }

  /** `everyMs` null: as it is. 0: not any more. */
  async protect(desktop: LocalDesktop, everyMs: number | null): Promise<ControlResult<'protect'>> {
    const list = await this.#loaded();
    const { desktopId, base } = desktop.record;
    if (everyMs !== null) {
      await list.set(desktopId, everyMs === 0 ? undefined : everyMs);
      this.#seen.delete(desktop);
      this.#seenOf(desktop, undefined);
      desktop.protection = undefined;
    }
    this.#show(desktop, list);
    const { protection } = desktop;
    return { name: desktop.name, everyMs: protection?.everyMs ?? null, lastMs: protection?.lastWallMs ?? null, lastSequence: base?.sequence ?? null, failing: protection?.failing ?? null };
  }

  async #make(desktop: LocalDesktop, report: Report, signal?: AbortSignal): Promise<CheckpointMade> {
    const { clock } = this.#host;
    const seen = this.#seenOf(desktop, undefined);
    const beganMs = clock.bootMs();
    const processorMs = desktop.machine?.process.processorMs();
    try {
      if (desktop.operation === 'filling') throw new Fault('DESKTOP_FILLING', { subject: desktop.name });
      if (desktop.machine === undefined) throw new Fault('DESKTOP_NOT_RUNNING', { subject: desktop.name });
      const made = await desktop.inBackground((standBack) => {
        if (desktop.state !== 'running') throw new Fault('DESKTOP_BUSY', { subject: desktop.name, found: desktop.state });
        return toldCheckpoint(this.#host, desktop, { ways: seen.ways, report, signal: signal === undefined ? standBack : AbortSignal.any([standBack, signal]) });
      });
      Object.assign(seen, { madeMs: beganMs, tookMs: clock.bootMs() - beganMs, failures: 0, processorMs });
      this.#host.log.info('checkpoint-made', { desktop: desktop.record.desktopId, sequence: made.sequence, way: made.way, pauseMs: made.pauseMs, durableMs: Math.round(made.durableMs), bytes: made.bytesUploaded });
      if (desktop.protection !== undefined) desktop.protection = { everyMs: desktop.protection.everyMs, lastWallMs: clock.wallMs() };
      return made;
    } catch (error) {
      const fault = Fault.from(error);
      if (fault.kind === 'fenced') this.#onFenced(desktop, fault);
      if (desktop.record.pending !== null) this.#ask(desktop);
      throw fault;
    } finally {
      // Each checkpoint leaves one layer more, and so does one that failed.
      void shortenChain(this.#host, desktop);
    }
  }

  async #look(): Promise<void> {
    if (this.#looking) return;
    this.#looking = true;
    try {
      const list = await this.#loaded();
      for (const desktop of this.#local()) {
        this.#show(desktop, list);
        if (desktop.protection !== undefined && this.#isReady(desktop) && this.#isDue(desktop)) await this.#attempt(desktop);
      }
    } catch (error) {
      this.#host.log.warn('not-protecting', { error });
    } finally {
      this.#looking = false;
    }
  }

  async #attempt(desktop: LocalDesktop): Promise<void> {
    const seen = this.#seenOf(desktop, undefined);
    try {
      await this.#make(desktop, () => undefined);
    } catch (error) {
      const fault = Fault.from(error);
      seen.failures += 1;
      seen.failedMs = this.#host.clock.bootMs();
      if (desktop.protection !== undefined && fault.code !== 'CANCELLED') desktop.protection = { ...desktop.protection, failing: fault.message };
      this.#host.log.warn('checkpoint-not-made', { desktop: desktop.record.desktopId, failures: seen.failures, error: fault });
    }
  }

  /** Never while anything else is under way with it, nor while this host is not sure of its right to run it. */
  #isReady({ operation, state, machine, holding, mayRun, record }: LocalDesktop): boolean {
    return operation === undefined && state === 'running' && machine !== undefined && mayRun && record.announced && (holding === 'confirmed' || holding === 'alone');
  }

  #isDue(desktop: LocalDesktop): boolean {
    const nowMs = this.#host.clock.bootMs();
    const { everyMs } = desktop.protection!;
    const { madeMs, tookMs, failures, failedMs, processorMs } = this.#seenOf(desktop, undefined);
    const usedMs = desktop.machine!.process.processorMs();
    const busyShare = madeMs === undefined || processorMs === undefined || usedMs < processorMs ? undefined : (usedMs - processorMs) / Math.max(1, nowMs - madeMs);
    return isDue({ everyMs, sinceMadeMs: madeMs === undefined ? undefined : nowMs - madeMs, tookMs, failures, sinceFailedMs: nowMs - failedMs, busyShare });
  }

  /** What `status` says. A desktop that is new to this agent stands on its last checkpoint. */
  #show(desktop: LocalDesktop, list: ProtectedList): void {
    const everyMs = list.everyMs(desktop.record.desktopId);
    if (everyMs === desktop.protection?.everyMs) return;
    if (everyMs !== undefined) this.#seenOf(desktop, desktop.record.base === null ? undefined : this.#host.clock.bootMs());
    desktop.protection = everyMs === undefined ? undefined : { ...desktop.protection, everyMs };
  }

  #seenOf(desktop: LocalDesktop, madeMs: number | undefined): Seen {
    const known = this.#seen.get(desktop);
    if (known !== undefined) return known;
    const seen = { madeMs, tookMs: 0, failures: 0, failedMs: 0, processorMs: desktop.machine?.process.processorMs(), ways: new WaysSeen() };
    this.#seen.set(desktop, seen);
    return seen;
  }

  #loaded(): Promise<ProtectedList> {
    this.#list ??= ProtectedList.load(this.#host.home);
    this.#list.catch(() => (this.#list = undefined)); // Told to whoever asks; read again then.
    return this.#list;
  }

  /** Asks in between other operations, each of which asks too before it commits anything itself. */
  #ask(desktop: LocalDesktop): void {
    if (this.#asking.has(desktop)) return;
    this.#asking.add(desktop);
    const ask = async (): Promise<void> => {
      while (desktop.record.pending !== null && [...this.#local()].includes(desktop)) {
        await new Promise((resolve) => setTimeout(resolve, askEveryMs).unref());
        if (desktop.operation === undefined) await desktop.inBackground((signal) => this.#askOnce(desktop, signal));
      }
    };
    ask()
      .catch((error: unknown) => this.#host.log.warn('checkpoint-not-settled', { desktop: desktop.record.desktopId, error }))
      .finally(() => this.#asking.delete(desktop));
  }

  async #askOnce(desktop: LocalDesktop, signal: AbortSignal): Promise<void> {
    try {
      await settlePending(this.#host, desktop, { sentBefore: true, signal });
    } catch (error) {
      const fault = Fault.from(error);
      this.#host.log.warn('checkpoint-not-settled', { desktop: desktop.record.desktopId, error: fault });
      if (isDecision(fault) && fault.kind === 'fenced') this.#onFenced(desktop, fault);
    }
  }
}
