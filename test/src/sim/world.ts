import { Agenda } from './agenda.ts';
import type { BrokenRule } from './broken-rules.ts';
import { Computer } from './computer.ts';
import { Coordinator } from './coordinator.ts';
import { Dice } from './dice.ts';
import { Host } from './host.ts';
import { Liveness } from './liveness.ts';
import { Network } from './network.ts';
import { Store } from './store.ts';
import { Story } from './story.ts';
import { Watch } from './watch.ts';

/** Two machines' clocks run up to this factor apart. */
const ratesApart = 1.05;

/** Everything there is, and virtual time. */
export class World {
  readonly dice: Dice;
  readonly agenda = new Agenda();
  readonly broken: BrokenRule | undefined;
  readonly story: Story | undefined;
  readonly network: Network;
  readonly store: Store;
  readonly coordinator: Coordinator;
  readonly hosts: readonly Host[];
  readonly watch: Watch;
  readonly liveness: Liveness;
  nowMs = 0;
  steps = 0;
  /** Nothing fails any more. */
  mended = false;
  nonce = 0;
  packs = 0;
  stamps = 0;
  #ids = 0;

  constructor(seed: number, options: { readonly broken?: BrokenRule | undefined; readonly storyLines?: number }) {
    this.dice = new Dice(seed);
    this.broken = options.broken;
    this.story = options.storyLines === undefined ? undefined : new Story(options.storyLines);
    this.watch = new Watch(this);
    this.liveness = new Liveness(this);
    this.network = new Network(this);
    this.store = new Store(this);
    // Some of them at the ends of what is promised.
    const rate = (): number => Math.sqrt(ratesApart) ** (this.dice.chance(0.5) ? this.dice.pick([-1, 1]) : this.dice.between(-1, 1));
    // It has been up for a while.
    this.nowMs = 3_600_000;
    this.coordinator = new Coordinator(this, new Computer(this, 'coordinator', rate()));
    this.hosts = Array.from({ length: 2 + this.dice.below(3) }, (_, index) => new Host(this, new Computer(this, `host-${'abcd'[index]!}`, rate())));
  }

  tell(who: string, what: () => string): void {
    this.story?.add(this.nowMs, this.steps, who, what());
  }

  newId(prefix: string): string {
    return `${prefix}${(this.#ids += 1)}`;
  }

  /** Lets time pass until `untilMs`, one event after the other, or until a promise is broken. */
  runUntil(untilMs: number): void {
    for (;;) {
      if (this.watch.violation !== undefined) return;
      const entry = this.agenda.next();
      if (entry === undefined) return;
      if (entry.atMs > untilMs) {
        this.agenda.add(entry.atMs, entry.act!);
        this.nowMs = untilMs;
        return;
      }
      this.nowMs = Math.max(this.nowMs, entry.atMs);
      this.steps += 1;
      entry.act?.();
      this.watch.look();
    }
  }
}
