import type { Host } from './host.ts';
import { until, type Program, type Task } from './computer.ts';
import type { Pack } from './state.ts';
import type { World } from './world.ts';

/** well; errors: answers 503, sometimes after it did it; slow; late: does it and answers when nobody waits; silent: never answers. */
export type StoreMood = 'well' | 'errors' | 'slow' | 'late' | 'silent';

export type StoreAnswer = 'done' | 'refused' | 'missing' | 'error' | 'unknown';

export interface SignedUrl {
  readonly pack: Pack;
  /** True time: the store and whoever signed are one program with one clock. */
  readonly expiresMs: number;
}

const putMs = 20_000;

/** Where packs lie. What is stored stays until it is deleted; nothing is ever replaced. */
export class Store {
  readonly #world: World;
  readonly objects = new Set<string>();
  mood: StoreMood = 'well';

  constructor(world: World) {
    this.#world = world;
  }

  *put(program: Program, host: Host, url: SignedUrl): Task<StoreAnswer> {
    return yield* this.#ask(program, host, (answer) => this.#take(url, answer));
  }

  *get(program: Program, host: Host, pack: Pack): Task<StoreAnswer> {
    return yield* this.#ask(program, host, (answer) => this.#act(() => (this.objects.has(pack.key) ? 'done' : 'missing'), answer));
  }

  #ask(program: Program, host: Host, arrive: (answer: (outcome: StoreAnswer) => void) => void): Task<StoreAnswer> {
    const { network } = this.#world;
    return until<StoreAnswer>((goOn) => {
      const timer = program.after(putMs, () => goOn('unknown'));
      network.send(host.computer, 'store', 'there', () =>
        arrive((outcome) =>
          network.send(host.computer, 'store', 'back', () =>
            program.deliver(() => {
              timer.cancel();
              goOn(outcome);
            }),
          ),
        ),
      );
    });
  }

  #take({ pack, expiresMs }: SignedUrl, answer: (outcome: StoreAnswer) => void): void {
    if (this.#world.nowMs > expiresMs) {
      answer('refused');
      return;
    }
    this.#act(() => {
      this.objects.add(pack.key);
      // Where it crashes between the two, the next PUT of that name makes up for it.
      if (!this.#world.coordinator.alive) return 'error';
      this.#world.coordinator.database.recordObject(pack);
      return 'done';
    }, answer);
  }

  #act(work: () => StoreAnswer, answer: (outcome: StoreAnswer) => void): void {
    const { dice, agenda, nowMs } = this.#world;
    const later = (delayMs: number, act: () => void): void => void agenda.add(nowMs + delayMs, act);
    switch (this.mood) {
      case 'well':
        return later(dice.between(2, 60), () => answer(work()));
      case 'slow':
        return later(dice.spread(500, 90_000), () => answer(work()));
      case 'errors':
        return later(dice.between(2, 60), () => {
          if (dice.chance(0.3)) work();
          answer('error');
        });
      case 'late': {
        const outcome = work();
        return later(dice.spread(5_000, 90_000), () => answer(outcome));
      }
      case 'silent':
        if (dice.chance(0.5)) work();
    }
  }
}
