import type { HostId } from '@godwit/base';
import { Agent } from './agent.ts';
import type { Computer } from './computer.ts';
import type { Guard } from './guard.ts';
import type { Qemu } from './qemu.ts';
import type { Checkpoint, DesktopName, GuestState } from './state.ts';
import type { World } from './world.ts';

/** apps/agent/src/desktop/record.ts, as far as ownership goes. Replaced whole. */
export interface DesktopRecord {
  readonly desktop: DesktopName;
  readonly epoch: number;
  readonly base: Checkpoint | null;
  readonly stage: 'settled' | 'arriving' | 'committing' | 'saved' | 'left';
  readonly commit: Checkpoint | null;
  readonly strict: boolean;
  /** Of the newest policy that this host knows. */
  readonly policyStamp: number;
  readonly asleep: boolean;
  /** The state that lies sealed on this machine only. */
  readonly saved: GuestState | null;
  readonly left: { readonly desktop: DesktopName; readonly commitId: string; readonly checkpoint: Checkpoint | null } | null;
  readonly qemu: Qemu | null;
}

/** A host: a machine, what lies on its disk, and the programs on it. */
export class Host {
  readonly world: World;
  readonly id: HostId;
  readonly computer: Computer;
  /** On disk: these survive the agent and the machine. */
  readonly records = new Map<DesktopName, DesktopRecord>();
  /** What a guest that ended left on its disk. */
  readonly disks = new Map<DesktopName, { readonly base: GuestState; readonly counter: number }>();
  readonly qemus = new Set<Qemu>();
  readonly guards = new Map<Qemu, Guard>();
  agent: Agent | undefined;

  constructor(world: World, computer: Computer) {
    this.world = world;
    this.computer = computer;
    this.id = computer.name as HostId;
  }

  get name(): string {
    return this.computer.name;
  }

  startAgent(): void {
    if (this.agent?.alive === true || !this.computer.powered) return;
    if (!this.computer.awake) {
      this.computer.postpone(() => this.startAgent());
      return;
    }
    this.world.tell(this.name, () => 'agent starts');
    this.agent = new Agent(this);
    this.agent.begin();
  }

  powerOff(): void {
    this.world.tell(this.name, () => 'loses its power');
    // Whatever order they end in: nobody acts on the end of another any more.
    this.agent?.kill();
    this.computer.powerOff();
  }

  powerOn(): void {
    if (this.computer.powered) return;
    this.world.tell(this.name, () => 'is switched on');
    this.computer.powerOn();
    this.startAgent();
  }

  qemuEnded(qemu: Qemu): void {
    this.agent?.deliver(() => this.agent?.qemuEnded(qemu));
  }

  guardEnded(guard: Guard): void {
    this.agent?.deliver(() => this.agent?.guardEnded(guard));
  }
}
