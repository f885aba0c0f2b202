/** While it is recorded what a guest asks for, a page comes with those around it: by itself each would be a fault of its own, and a resume half as slow again. */
export const groupPages = 8;
/** Pages that go along when the guest walks through its memory: as many as it has walked so far, up to a frame. */
const mostAhead = 64;
/** From here on it is a walk: what it passes is not what the guest needs first, next time it is somewhere else. */
const walkPages = 32;
/** Walks that are followed at the same time. */
const walksMax = 8;

/**
 * How many pages to send for a fault, from the faulting one on. A fault where the last answer ended goes on with a walk, and the answer
 * doubles; any other fault gets the rest of its group, so that what is recorded is about what the guest needs. Pure.
 */
export class ReadAhead {
  /** By the place where the next fault of the walk is expected: how many pages the last answer had. The newest last. */
  readonly #walks = new Map<string, number>();

  /** `pages`: 1 to 64. `block` and `page` say where the fault is. `isWalk`: the guest has come by here in steps before. */
  next(block: number, page: number): { readonly pages: number; readonly isWalk: boolean } {
    const name = `${block}/${page}`;
    const ahead = Math.min(mostAhead, (this.#walks.get(name) ?? (groupPages - (page % groupPages)) / 2) * 2);
    this.#walks.delete(name);
    this.#walks.set(`${block}/${page + ahead}`, ahead);
    for (const oldest of this.#walks.keys()) {
      if (this.#walks.size <= walksMax) break;
      this.#walks.delete(oldest);
    }
    return { pages: ahead, isWalk: ahead >= walkPages };
  }
}
