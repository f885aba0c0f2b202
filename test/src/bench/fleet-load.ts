import { systemClock } from '@godwit/base';

/** What was begun of one kind, and how long it took. */
export class Timed {
  readonly #tookMs: number[] = [];
  begun = 0;
  /** That were due while too many were under way: not begun at all. */
  missed = 0;
  errors = 0;
  firstError: unknown;

  get done(): number {
    return this.#tookMs.length;
  }

  quantileMs(part: number): number {
    const sorted = this.#tookMs.toSorted((a, b) => a - b);
    return sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * part))] ?? 0;
  }

  /** `dueMs`: when it should have begun; that it began late is part of what it took. */
  async take(work: () => Promise<unknown>, dueMs: number): Promise<void> {
    this.begun += 1;
    try {
      await work();
      this.#tookMs.push(systemClock.workMs() - dueMs);
    } catch (error) {
      this.errors += 1;
      this.firstError ??= error;
    }
  }
}

const tickMs = 5;

/** Begins `work` so often a second for so long, whether what was begun before has ended or not; resolves when all has. Of more than `mostUnderWay` the rest is missed. */
export async function steadily({ perSecond, forMs, mostUnderWay }: { readonly perSecond: number; readonly forMs: number; readonly mostUnderWay: number }, work: (index: number) => Promise<unknown>): Promise<Timed> {
  const timed = new Timed();
  const startedMs = systemClock.workMs();
  const underWay = new Set<Promise<void>>();
  const all = Math.floor((perSecond * forMs) / 1000);
  for (let index = 0; index < all; ) {
    const due = Math.min(all, Math.floor(((systemClock.workMs() - startedMs) * perSecond) / 1000) + 1);
    for (; index < due; index += 1) {
      if (underWay.size >= mostUnderWay) {
        timed.missed += 1;
        continue;
      }
      const at = index;
      const taken = timed.take(() => work(at), startedMs + (at * 1000) / perSecond).then(() => void underWay.delete(taken));
      underWay.add(taken);
    }
    await new Promise((resolve) => setTimeout(resolve, tickMs));
  }
  await Promise.all(underWay);
  return timed;
}
