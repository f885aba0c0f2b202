import { nameOf, type WorkingPage } from './working-set.ts';

const ramPagesMax = 8192;
const diskPagesMax = 1024;

/** What a guest asks for in its first moments here, in that order, each page once. Bounded: what comes later than that is not of the first moments. */
export class Recorder {
  readonly #noted = new Map<string, WorkingPage>();
  #ramPages = 0;
  #diskPages = 0;
  #open = true;

  get recording(): boolean {
    return this.#open;
  }

  get pages(): WorkingPage[] {
    return [...this.#noted.values()];
  }

  noteRam(regionId: number, page: number): void {
    if (this.#ramPages < ramPagesMax && this.#note(regionId, page)) this.#ramPages += 1;
  }

  noteDisk(regionId: number, page: number): void {
    if (this.#diskPages < diskPagesMax && this.#note(regionId, page)) this.#diskPages += 1;
  }

  /** Notes nothing from now on. */
  end(): void {
    this.#open = false;
  }

  #note(regionId: number, page: number): boolean {
    const name = nameOf({ regionId, page });
    if (!this.#open || this.#noted.has(name)) return false;
    this.#noted.set(name, { regionId, page });
    return true;
  }
}
