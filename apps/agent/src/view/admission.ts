import { createHash, timingSafeEqual } from 'node:crypto';
import { Fault, type Clock, type Random } from '@godwit/base';

/** Between `godwit view` and the browser that opens the link; a slow machine starts a browser within that. */
export const linkLifeMs = 2 * 60_000;
/** A page that is gone for that long is not coming back: the right to look ends. */
export const idleLifeMs = 15 * 60_000;
export const viewsMax = 32;
const secretBytes = 24;

/** The right to look at one desktop's screen: a place below which its page lies, a link that is good once, and what the browser got for it. */
export interface View {
  readonly name: string;
  /** The first folder of its paths. Random: a cookie of this path goes to no other server of this machine. */
  readonly place: string;
  /** What it is called off by. */
  readonly ended: AbortSignal;
}

interface Held {
  readonly view: View;
  readonly end: AbortController;
  /** Hash of the link's token until it was used. */
  token: Buffer | undefined;
  /** Hash of the cookie, from then on. */
  cookie: Buffer | undefined;
  viewers: number;
  /** When it ends unless somebody looks, on the clock that stops while the machine sleeps: a page wakes up with it. */
  endsMs: number;
}

/** Who may look. Holds hashes alone. No I/O. */
export class Admission {
  readonly #clock: Clock;
  readonly #random: Random;
  readonly #held = new Map<string, Held>();

  constructor(clock: Clock, random: Random) {
    this.#clock = clock;
    this.#random = random;
  }

  get size(): number {
    return this.#held.size;
  }

  /** A new view of the desktop called `name`, with the token of its link. Throws VIEWS_FULL while somebody looks at each of the 32 there are. */
  open(name: string): { view: View; token: string } {
    this.sweep();
    if (this.#held.size >= viewsMax) this.#giveRoom();
    const [place, token] = [this.#secret(), this.#secret()];
    const end = new AbortController();
    const view = { name, place, ended: end.signal };
    this.#held.set(place, { view, end, token: hash(token), cookie: undefined, viewers: 0, endsMs: this.#clock.workMs() + linkLifeMs });
    return { view, token };
  }

  /** The cookie for the link's token. Undefined: no such view, another token, or the link was used already. */
  enter(place: string, token: string): string | undefined {
    this.sweep();
    const held = this.#held.get(place);
    if (held?.token === undefined || !timingSafeEqual(held.token, hash(token))) return undefined;
    const cookie = this.#secret();
    held.token = undefined;
    held.cookie = hash(cookie);
    held.endsMs = this.#clock.workMs() + idleLifeMs;
    return cookie;
  }

  /** The view of that place, for whoever has its cookie. */
  admit(place: string, cookie: string | undefined): View | undefined {
    this.sweep();
    const held = this.#held.get(place);
    if (held?.cookie === undefined || cookie === undefined || !timingSafeEqual(held.cookie, hash(cookie))) return undefined;
    return held.view;
  }

  /** Somebody looks; the answer is called when they do not any more. */
  look(view: View): () => void {
    const held = this.#held.get(view.place);
    if (held === undefined) return () => undefined;
    held.viewers += 1;
    return () => {
      held.viewers -= 1;
      held.endsMs = this.#clock.workMs() + idleLifeMs;
    };
  }

  /** Ends what nobody used in time. */
  sweep(): void {
    const nowMs = this.#clock.workMs();
    for (const held of [...this.#held.values()]) if (held.viewers === 0 && nowMs >= held.endsMs) this.#end(held);
  }

  endAll(): void {
    for (const held of [...this.#held.values()]) this.#end(held);
  }

  #giveRoom(): void {
    const [idle] = [...this.#held.values()].filter(({ viewers }) => viewers === 0).sort((a, b) => a.endsMs - b.endsMs);
    if (idle === undefined) throw new Fault('VIEWS_FULL', { expected: `at most ${viewsMax}` });
    this.#end(idle);
  }

  #end(held: Held): void {
    this.#held.delete(held.view.place);
    held.end.abort();
  }

  #secret(): string {
    return this.#random(secretBytes).toString('base64url');
  }
}

function hash(text: string): Buffer {
  return createHash('sha256').update(text).digest();
}
