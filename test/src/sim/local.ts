import { mayRun, type HoldingState } from '@godwit/agent';
import { guardPauseMs, wakeAnswerMs } from '@godwit/wire';
import type { Agent } from './agent.ts';
import { Guard } from './guard.ts';
import type { DesktopRecord } from './host.ts';
import { Qemu } from './qemu.ts';
import type { DesktopName, GuestState } from './state.ts';

/** Read anew: between two steps of a task it may have changed. */
export function stageOf(local: Local): DesktopRecord['stage'] {
  return local.record.stage;
}

/** A desktop that a host holds, as its agent has it in memory. */
export class Local {
  readonly agent: Agent;
  record: DesktopRecord;
  qemu: Qemu | undefined;
  operation: 'arriving' | 'filling' | 'departing' | 'leaving' | undefined;
  holding: HoldingState = 'confirmed';
  /** Of a strict desktop: when the last accepted renewal is over, on the clock of `Holder.nowMs`. */
  deadlineMs = -Infinity;
  /** A capture holds the guest. */
  capturing = false;
  /** Its policy is being mended. */
  mending = false;
  /** It is being asked about. */
  settling = false;
  /** What its person was told. */
  note = '';
  /** True time at which a question that was sent after the machine last woke up had come to an end. */
  heardMs = -Infinity;
  /** ... and had an answer. */
  toldMs = -Infinity;
  /** On the working clock: when this agent learned that its epoch is over. */
  learnedMs = Infinity;

  constructor(agent: Agent, record: DesktopRecord) {
    this.agent = agent;
    this.record = record;
  }

  get name(): DesktopName {
    return this.record.desktop;
  }

  /** Whether its guest may run here now, as far as ownership and commits go. */
  get mayRun(): boolean {
    const { stage } = this.record;
    if (stage === 'left' && this.agent.world.broken === 'superseded-is-not-final') return mayRun(this.holding);
    return mayRun(this.holding) && (stage === 'settled' || stage === 'arriving' || stage === 'saved');
  }

  /** Its QEMU, also one that does not answer yet. */
  get machine(): Qemu | undefined {
    return this.qemu ?? (this.record.qemu?.alive === true ? this.record.qemu : undefined);
  }

  get guard(): Guard | undefined {
    const { machine } = this;
    return machine === undefined ? undefined : this.agent.host.guards.get(machine);
  }

  hold(): void {
    this.qemu?.pause();
  }

  /** The guest runs, if it may: a strict one never without its guard. */
  goOn(): void {
    const { qemu, record } = this;
    if (qemu?.alive !== true || !this.mayRun || this.capturing) return;
    if (record.strict && (this.guard?.alive !== true || this.agent.holder.nowMs() >= this.deadlineMs - guardPauseMs)) return;
    this.agent.world.watch.goesOn(this, qemu, wakeAnswerMs - 1);
    qemu.cont();
  }

  launch(from: { readonly base: GuestState; readonly counter: number; readonly complete: boolean }): Qemu {
    this.qemu = new Qemu(this.agent.host, this.name, this.record.epoch, from);
    if (this.record.strict) this.startGuard();
    return this.qemu;
  }

  startGuard(): void {
    const { machine } = this;
    if (machine === undefined) return;
    const before = this.guard;
    const guard = new Guard(this.agent.host, machine, this.deadlineMs);
    if (before !== guard) before?.kill();
  }

  endMachine(): void {
    const { machine, guard } = this;
    this.qemu = undefined;
    machine?.kill();
    guard?.kill();
  }
}
