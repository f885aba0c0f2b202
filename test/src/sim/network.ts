import type { Computer } from './computer.ts';
import type { Dice } from './dice.ts';
import type { World } from './world.ts';

/**
 * good: what a network does on a good day. poor: loses, holds up beyond a lease's term, doubles. slow: loses nothing and holds everything up. cut:
 * nothing passes, though some of it comes later.
 */
export type Way = 'good' | 'poor' | 'slow' | 'cut';
export type Peer = 'coordinator' | 'store';

/** Between a host and a peer, each way by itself. */
export interface Link {
  there: Way;
  back: Way;
}

const lossInPoor = 0.12;
const doubledInPoor = 0.12;
const laterInCut = 0.25;

/** After how long each copy of a message arrives; none: it is lost. */
function fates(dice: Dice, way: Way): number[] {
  if (way === 'good') return [dice.between(1, 40)];
  if (way === 'slow') return [dice.between(1_000, 75_000)];
  if (way === 'cut') return dice.chance(laterInCut) ? [dice.spread(2_000, 120_000)] : [];
  if (dice.chance(lossInPoor)) return [];
  const delay = (): number => dice.spread(5, 90_000);
  return dice.chance(doubledInPoor) ? [delay(), delay()] : [delay()];
}

export class Network {
  readonly #world: World;
  readonly #links = new Map<string, Link>();

  constructor(world: World) {
    this.#world = world;
  }

  link(host: Computer, peer: Peer): Link {
    const key = `${host.name} ${peer}`;
    const there = this.#links.get(key);
    if (there !== undefined) return there;
    const link: Link = { there: 'good', back: 'good' };
    this.#links.set(key, link);
    return link;
  }

  /** Both ways work as they should. */
  isGood(host: Computer, peer: Peer): boolean {
    const { there, back } = this.link(host, peer);
    return there === 'good' && back === 'good';
  }

  /** `arrive` is called once for each copy that arrives. */
  send(host: Computer, peer: Peer, direction: 'there' | 'back', arrive: () => void): void {
    const { agenda, dice, nowMs } = this.#world;
    for (const delayMs of fates(dice, this.link(host, peer)[direction])) agenda.add(nowMs + delayMs, arrive);
  }
}
