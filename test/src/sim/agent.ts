import type { Answer, CallName, Calls, News } from './calls.ts';
import { Program, until, type Task } from './computer.ts';
import { Holder } from './holder.ts';
import type { DesktopRecord, Host } from './host.ts';
import { Local } from './local.ts';
import type { Guard } from './guard.ts';
import type { Qemu } from './qemu.ts';
import { recover } from './recover.ts';
import { suspend } from './suspend.ts';
import type { Checkpoint, DesktopName, Pack } from './state.ts';

const callMs = 15_000;
/** Without a ping for so long the stream is taken for dead. */
const streamDeadMs = 40_000;

/** The agent of a host, as long as it lives: what it knows in memory, and how it speaks. What it does is in the files of its acts. */
export class Agent extends Program {
  readonly host: Host;
  readonly locals = new Map<DesktopName, Local>();
  readonly arriving = new Set<DesktopName>();
  readonly holder: Holder;
  #pingedMs = -Infinity;

  constructor(host: Host) {
    super(host.computer, 'agent');
    this.host = host;
    this.holder = new Holder(this);
  }

  begin(): void {
    recover(this);
    this.run(this.#keepListening());
  }

  /** Asks the coordinator; a fault of its own comes back as it is. */
  *call<Name extends CallName>(name: Name, body: Calls[Name]['body'], limitMs = callMs): Task<Answer<Calls[Name]['answer']>> {
    const { world, host } = this;
    const stamp = { nonce: (world.nonce += 1), wallMs: this.computer.wallMs() };
    return yield* until<Answer<Calls[Name]['answer']>>((goOn) => {
      const timer = this.after(limitMs, () => goOn({ kind: 'unknown' }));
      const reply = (answer: Answer<Calls[Name]['answer']>): void => world.network.send(host.computer, 'coordinator', 'back', () => this.deliver(() => {
        timer.cancel();
        goOn(answer);
      }));
      world.network.send(host.computer, 'coordinator', 'there', () => world.coordinator.receive(host, name, body, stamp, reply));
    });
  }

  /** On disk when it goes on. Until then, and if the agent ends before, the old one is. */
  *update(local: Local, change: Partial<DesktopRecord>): Task {
    yield* this.wait(this.world.dice.between(1, 12));
    if (this.locals.get(local.name) !== local) return;
    local.record = { ...local.record, ...change };
    this.host.records.set(local.name, local.record);
    if (this.world.dice.chance(0.5)) yield* this.wait(1);
  }

  /** Packs that nobody has yet, stored under this epoch. */
  *upload(desktop: DesktopName, epoch: number, packs: readonly Pack[]): Task<'stored' | 'fenced' | 'failed'> {
    for (const pack of packs) {
      for (let attempt = 1; ; attempt += 1) {
        const minted = yield* this.call('mint', { desktop, epoch, packs: [pack] });
        if (minted.kind === 'refused' && minted.code === 'EPOCH_FENCED') return 'fenced';
        if (minted.kind === 'ok' && (yield* this.world.store.put(this, this.host, minted.value[0]!)) === 'done') break;
        if (attempt === 3) return 'failed';
        yield* this.wait(500);
      }
    }
    return 'stored';
  }

  newPacks(desktop: DesktopName, epoch: number): Pack[] {
    return Array.from({ length: this.world.dice.below(2) + 1 }, () => ({ key: `${desktop}/e${epoch}/${this.host.name}/${(this.world.packs += 1)}`, desktop, epoch }));
  }

  add(record: DesktopRecord): Local {
    const local = new Local(this, record);
    this.locals.set(record.desktop, local);
    return local;
  }

  /** Everything of it goes from this host. `safe`: because it is in the store; else it was lost, or never ran. */
  forget(local: Local, why: 'safe' | 'lost'): void {
    if (why === 'safe') this.world.watch.removed(local);
    local.endMachine();
    this.host.records.delete(local.name);
    this.host.disks.delete(local.name);
    this.locals.delete(local.name);
  }

  /** It is safe in the store, said to a person who may close the lid now. */
  safe(checkpoint: Checkpoint): void {
    this.world.tell(this.host.name, () => `says that ${checkpoint.desktop} is safe: checkpoint ${checkpoint.sequence}`);
    this.world.watch.saidSafe(checkpoint);
  }

  qemuEnded(qemu: Qemu): void {
    const local = this.locals.get(qemu.desktop);
    if (local?.qemu !== qemu) return;
    this.world.tell(this.host.name, () => `QEMU of ${qemu.desktop} is gone`);
    local.qemu = undefined;
    this.host.guards.get(qemu)?.kill();
  }

  guardEnded(guard: Guard): void {
    const local = this.locals.get(guard.qemu.desktop);
    if (local?.machine === guard.qemu && guard.qemu.alive) this.run(this.holder.guardLost(local));
  }

  override woke(): void {
    super.woke();
    if (this.alive) this.holder.machineWoke();
  }

  pinged(): void {
    this.#pingedMs = this.computer.bootMs();
  }

  news(news: News): void {
    const local = this.locals.get(news.desktop);
    if (local === undefined) return;
    if (news.type === 'departure-asked') {
      if (news.epoch === local.record.epoch) this.run(suspend(this, news.desktop));
    } else if (news.epoch > local.record.epoch) this.holder.apply(local, 'superseded');
  }

  *#keepListening(): Task {
    for (;;) {
      if (this.computer.bootMs() - this.#pingedMs > streamDeadMs && (yield* this.#listen())) {
        this.pinged();
        // News may have been missed.
        for (const local of this.locals.values()) this.run(this.holder.ask(local));
      }
      yield* this.wait(this.world.dice.between(5_000, 15_000));
    }
  }

  #listen(): Task<boolean> {
    const { network, coordinator } = this.world;
    return until<boolean>((goOn) => {
      this.after(5_000, () => goOn(false));
      network.send(this.computer, 'coordinator', 'there', () => {
        const heard = coordinator.listen(this);
        network.send(this.computer, 'coordinator', 'back', () => this.deliver(() => goOn(heard)));
      });
    });
  }
}
