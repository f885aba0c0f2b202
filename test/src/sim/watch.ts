import type { HostId } from '@godwit/base';
import { guardKillMs } from '@godwit/wire';
import type { Computer } from './computer.ts';
import type { DesktopRow } from './database.ts';
import type { Guard } from './guard.ts';
import type { Local } from './local.ts';
import type { Qemu } from './qemu.ts';
import { comesOf, type Checkpoint, type DesktopName, type GuestState } from './state.ts';
import type { World } from './world.ts';

/** What the promises allow between learning, or waking up, and standing still: ms of the host's running time. */
const stopMs = 500;

type End = 'release' | 'revocation' | 'take-over';

interface Epoch {
  readonly epoch: number;
  readonly host: HostId;
  end: End | undefined;
  /** When it was ended by somebody else the desktop was strict. */
  endedStrict: boolean;
}

/** What happened to a desktop, seen from above. */
interface Line {
  readonly epochs: Epoch[];
  readonly executing: Set<Qemu>;
  /** The newest checkpoint that somebody was told is safe. */
  acknowledged: GuestState | null;
  head: Checkpoint | null;
}

/** How far guests got that stood alone, by host and desktop. */
interface Reached {
  readonly epoch: number;
  readonly counter: number;
}

/** Looks at everything from above and holds it against the promises. It knows true time and what nobody in the world knows. */
export class Watch {
  readonly #world: World;
  readonly #lines = new Map<DesktopName, Line>();
  readonly #overlapping = new Set<Line>();
  readonly #wokeMs = new Map<Computer, number>();
  readonly #reached = new Map<string, Reached>();
  /** Two ran, and were allowed to because a guard was dead or stopped. */
  unguarded = 0;
  #unguardedSince = new Set<Qemu>();
  #logLength = 0;
  violation: string | undefined;

  constructor(world: World) {
    this.#world = world;
  }

  violate(what: string): void {
    this.violation ??= what;
  }

  #line(desktop: DesktopName): Line {
    const before = this.#lines.get(desktop);
    if (before !== undefined) return before;
    const line: Line = { epochs: [], executing: new Set(), acknowledged: null, head: null };
    this.#lines.set(desktop, line);
    return line;
  }

  wokeTrueMs(computer: Computer): number {
    return this.#wokeMs.get(computer) ?? 0;
  }

  woke(computer: Computer): void {
    this.#wokeMs.set(computer, this.#world.nowMs);
  }

  /** After every step. */
  look(): void {
    const { log } = this.#world.coordinator.database;
    if (log.length < this.#logLength) this.violate('the log shrank');
    this.#logLength = log.length;
    for (const line of this.#overlapping) this.#lookAtOverlap(line);
  }

  owned(desktop: DesktopName, epoch: number, host: HostId, how: 'created' | 'acquired' | 'taken-over', { strict } = { strict: false }): void {
    const line = this.#line(desktop);
    const last = line.epochs.at(-1);
    if (epoch !== (last?.epoch ?? 0) + 1) this.violate(`${desktop}: epoch ${epoch} after ${last?.epoch ?? 0}`);
    if (how === 'taken-over' && last !== undefined && last.end === undefined) Object.assign(last, { end: 'take-over', endedStrict: strict });
    else if (last?.end === undefined && last !== undefined) this.violate(`${desktop}: epoch ${epoch} began while ${last.host} had ${last.epoch}`);
    line.epochs.push({ epoch, host, end: undefined, endedStrict: false });
  }

  released(desktop: DesktopName, epoch: number, by: 'holder' | 'revocation', strict = false): void {
    const line = this.#line(desktop);
    const of = line.epochs.at(-1);
    if (of?.epoch !== epoch || of.end !== undefined) this.violate(`${desktop}: epoch ${epoch} was released and is not current`);
    else Object.assign(of, { end: by === 'holder' ? 'release' : 'revocation', endedStrict: strict });
    for (const qemu of line.executing) this.#mayExecute(line, qemu);
  }

  /** A URL to write objects of an epoch. */
  minting({ name, epoch: current, holder, held }: DesktopRow, host: HostId, epoch: number): void {
    if (epoch !== current || holder !== host || !held) this.violate(`${name}: ${host} may write in epoch ${epoch}, while ${holder} has ${current}`);
  }

  /** Before it is the head. */
  committing({ name, epoch, holder, held, head }: DesktopRow, checkpoint: Checkpoint, host: HostId): void {
    const line = this.#line(name);
    if (checkpoint.epoch !== epoch || holder !== host || !held) this.violate(`${name}: a commit of epoch ${checkpoint.epoch} by ${host} was accepted in epoch ${epoch} of ${holder}`);
    if (checkpoint.parent !== head || checkpoint.sequence !== (head?.sequence ?? 0) + 1) this.violate(`${name}: checkpoint ${checkpoint.sequence} does not follow the head ${head?.sequence ?? 0}`);
    if (line.head !== head) this.violate(`${name}: the head is not what was committed last`);
    if (head !== null && !comesOf(checkpoint.state, head.state)) this.violate(`${name}: checkpoint ${checkpoint.sequence} does not hold what checkpoint ${head.sequence} holds`);
    if (head !== null && checkpoint.state.counter < head.state.counter) this.violate(`${name}: the counter went back from ${head.state.counter} to ${checkpoint.state.counter}`);
    for (const { key } of checkpoint.packs) if (!this.#world.store.objects.has(key)) this.violate(`${name}: checkpoint ${checkpoint.sequence} was accepted without its pack ${key}`);
    line.head = checkpoint;
  }

  /** Somebody is told that it is safe to close the lid. */
  saidSafe(checkpoint: Checkpoint): void {
    const { desktops, commits, log } = this.#world.coordinator.database;
    const { desktop, commitId, epoch } = checkpoint;
    if (!commits.has(commitId) || !log.some((leaf) => leaf.commitId === commitId)) this.violate(`${desktop}: "safe" was said of what is not committed`);
    const row = desktops.get(desktop);
    if (row?.held === true && row.epoch === epoch) this.violate(`${desktop}: "safe" was said while ${row.holder} still holds it, with nothing of it there`);
    const line = this.#line(desktop);
    if (line.acknowledged === null || comesOf(checkpoint.state, line.acknowledged)) line.acknowledged = checkpoint.state;
    if (line.head !== null && !comesOf(line.head.state, checkpoint.state)) this.violate(`${desktop}: what was acknowledged is not in the head's line`);
  }

  /** A host removes what it has of a desktop, because it is in the store. */
  removed({ name, record: { commit } }: Local): void {
    const { commits } = this.#world.coordinator.database;
    if (commit === null || !commits.has(commit.commitId)) this.violate(`${name}: was removed from a host before it was in the store`);
  }

  /** Its user gave up what a host has: to go back there is what was asked for. */
  gaveUp({ name, agent }: Local): void {
    this.#reached.delete(`${agent.host.name} ${name}`);
  }

  deleted(key: string): void {
    for (const { checkpoint, dropped } of this.#world.coordinator.database.commits.values()) {
      if (!dropped && checkpoint.packs.some((pack) => pack.key === key)) this.violate(`${checkpoint.desktop}: pack ${key} of checkpoint ${checkpoint.sequence} was collected`);
    }
  }

  /** A host that arrives does not find what its checkpoint needs. While it is not superseded nobody may drop that. */
  missing(key: string, { name, record }: Local): void {
    const row = this.#world.coordinator.database.desktops.get(name);
    if (row?.head === record.base) this.violate(`${name}: pack ${key} of the head is missing`);
  }

  launched(qemu: Qemu): void {
    const line = this.#line(qemu.desktop);
    const { acknowledged } = line;
    if (acknowledged !== null && !comesOf(qemu.base, acknowledged) && qemu.epoch === line.epochs.at(-1)?.epoch) this.violate(`${qemu.desktop}: a guest begins without what was acknowledged`);
    const reached = this.#reached.get(`${qemu.host.name} ${qemu.desktop}`);
    if (reached?.epoch === qemu.epoch && qemu.counter < reached.counter - 0.5) this.violate(`${qemu.desktop}: resumed on ${qemu.host.name} at ${Math.round(qemu.counter)}, which it had left at ${Math.round(reached.counter)}: one state ran twice`);
  }

  executionChanged(qemu: Qemu): void {
    const line = this.#line(qemu.desktop);
    if (qemu.executing) {
      line.executing.add(qemu);
      qemu.host.agent?.after(stopMs, () => this.#mustStand(qemu));
      this.#mayExecute(line, qemu);
    } else {
      line.executing.delete(qemu);
      if (qemu.complete) this.#reached.set(`${qemu.host.name} ${qemu.desktop}`, { epoch: qemu.epoch, counter: qemu.counter });
    }
    if (line.executing.size > 1) {
      this.#overlapping.add(line);
      this.#world.agenda.add(this.#world.nowMs + 2 * stopMs, () => undefined);
    } else this.#overlapping.delete(line);
  }

  /** Nobody runs what its own host has given up. */
  #mayExecute(line: Line, { desktop, epoch, host }: Qemu): void {
    const of = line.epochs.find((each) => each.epoch === epoch);
    if (of?.host !== host.id) this.violate(`${desktop}: runs on ${host.name} in epoch ${epoch}, which is not its own`);
    if (of?.end === 'release') this.violate(`${desktop}: runs on ${host.name} in epoch ${epoch}, which was released`);
  }

  /** Two run at one instant. Why may they? */
  #lookAtOverlap(line: Line): void {
    const newest = line.epochs.at(-1)?.epoch;
    const seen = new Set<number>();
    for (const qemu of line.executing) {
      const { desktop, epoch, host } = qemu;
      if (seen.has(epoch)) this.violate(`${desktop}: two run in epoch ${epoch} on ${host.name}`);
      seen.add(epoch);
      if (epoch === newest) continue;
      const of = line.epochs.find((each) => each.epoch === epoch);
      if (of?.end === undefined) this.violate(`${desktop}: two run, and epoch ${epoch} was never ended`);
      else if (of.endedStrict) this.#lookAtStrict(qemu);
    }
  }

  /** A strict guest beside the new owner's: only while its guard is gone, or for as long as a machine that woke up needs. */
  #lookAtStrict(qemu: Qemu): void {
    const { host, computer, desktop } = qemu;
    const guard = host.guards.get(qemu);
    if (guard?.running !== true) {
      if (!this.#unguardedSince.has(qemu)) this.unguarded += 1;
      this.#unguardedSince.add(qemu);
      return;
    }
    const sinceMs = computer.workMs() - Math.max(computer.wokeMs, guard.continuedMs, qemu.continuedMs);
    if (sinceMs > stopMs) this.violate(`${desktop}: strict, and runs on ${host.name} in epoch ${qemu.epoch} beside its new owner's, its guard alive`);
  }

  /** Strict: whoever lets a guard wait for its deadline sees QEMU killed in time. */
  deadlineSet(guard: Guard): void {
    const { computer, qemu } = guard;
    const lookAgain = (): void => {
      const lateMs = computer.bootMs() - (guard.deadlineMs - guardKillMs);
      if (!qemu.alive || !guard.alive || !computer.powered || lateMs < 0) return;
      if (!guard.running || computer.workMs() - Math.max(computer.wokeMs, guard.continuedMs) < stopMs) this.#world.agenda.add(this.#world.nowMs + 2 * stopMs, lookAgain);
      else if (lateMs > stopMs) this.violate(`${qemu.desktop}: its guard on ${guard.host.name} let QEMU live past ${guardKillMs} ms before the deadline`);
    };
    const inMs = Math.max(0, guard.deadlineMs - guardKillMs - computer.bootMs()) + 2 * stopMs;
    this.#world.agenda.add(this.#world.nowMs + inMs / computer.rate, lookAgain);
  }

  /** A host learns that its epoch is over: 500 ms of its running time later the guest stands still. */
  learned(local: Local): void {
    const { agent } = local;
    const qemu = local.qemu ?? local.record.qemu ?? undefined;
    local.learnedMs = Math.min(local.learnedMs, agent.computer.workMs());
    if (qemu !== undefined) agent.after(stopMs, () => this.#mustStand(qemu));
  }

  /** For 500 ms everybody who would stop it was there and awake, and its agent knows that its epoch is over. */
  #mustStand(qemu: Qemu): void {
    const { host, computer, desktop } = qemu;
    const { agent } = host;
    const holding = agent?.locals.get(desktop);
    if (!qemu.executing || agent?.running !== true || holding === undefined || holding.learnedMs === Infinity || holding.record.epoch !== qemu.epoch) return;
    const sinceMs = Math.max(computer.wokeMs, agent.continuedMs, qemu.continuedMs, qemu.sinceMs, holding.learnedMs);
    if (computer.workMs() - sinceMs >= stopMs - 1) this.violate(`${desktop}: runs on ${host.name} ${stopMs} ms after that host learned that its epoch is over`);
    else agent.after(stopMs, () => this.#mustStand(qemu));
  }

  /** An agent lets a guest go on: after sleep only with word, or after it has waited for it. */
  goesOn(local: Local, qemu: Qemu, waitMs: number): void {
    if (!qemu.paused) return;
    const { computer } = qemu;
    const wokeMs = this.#wokeMs.get(computer);
    if (wokeMs === undefined || !local.record.asleep) return;
    const hasWord = local.record.strict ? local.toldMs >= wokeMs : local.heardMs >= wokeMs || computer.workMs() - computer.wokeMs >= waitMs;
    if (!hasWord) this.violate(`${local.name}: goes on on ${qemu.host.name} after sleep without word`);
  }

  /** What was left behind is a desktop of its own now. */
  forked(local: Local, checkpoint: Checkpoint): void {
    const { name, qemu } = local;
    if (qemu !== undefined && Math.abs(qemu.counter - checkpoint.state.counter) > 0.5) this.violate(`${name}: the copy left on ${qemu.host.name} had counter ${qemu.counter}, its fork has ${checkpoint.state.counter}`);
    const reached = this.#reached.get(`${local.agent.host.name} ${name}`);
    if (reached?.epoch === local.record.epoch && checkpoint.state.counter < reached.counter - 0.5) this.violate(`${name}: the copy left on ${local.agent.host.name} had reached ${reached.counter}, its fork has ${checkpoint.state.counter}`);
    const line = this.#line(name);
    for (let each = line.head; each !== null; each = each.parent) {
      if (each.epoch === local.record.epoch && each.state.counter === checkpoint.state.counter) this.violate(`${name}: what became the fork ${checkpoint.desktop} is committed already, as checkpoint ${each.sequence}`);
    }
  }
}
