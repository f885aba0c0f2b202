/** How far back a rate looks: long enough for packs that come in bursts, short enough to notice a line that breaks. */
const windowMs = 3_000;
/** Looks that follow one another more closely are one. */
const apartMs = 100;
/** Less than so much time says nothing about a rate. */
const soonestMs = 1_000;

interface Sample {
  readonly atMs: number;
  readonly doneBytes: number;
}

/** Bytes a second of something that is looked at now and then, over about its last three seconds. Pure; memory is that of 32 looks. */
export class Rate {
  /** Oldest first. The first may be older than the window: without it a standstill would look like nothing known. */
  #samples: Sample[] = [];

  /** `atMs` never goes back; `doneBytes` may, when something was done in vain. Null: not known yet. */
  look(atMs: number, doneBytes: number): number | null {
    const last = this.#samples.at(-1);
    if (last === undefined || atMs - last.atMs >= apartMs) this.#samples.push({ atMs, doneBytes });
    while (this.#samples.length > 1 && atMs - this.#samples[1]!.atMs >= windowMs) this.#samples.shift();
    const first = this.#samples[0]!;
    const spanMs = atMs - first.atMs;
    return spanMs < soonestMs ? null : (Math.max(0, doneBytes - first.doneBytes) * 1000) / spanMs;
  }
}

/** For how long yet, at that rate; null where nobody knows: no total, no rate, or nothing that moves. */
export function leftMsOf({ doneBytes, totalBytes }: { readonly doneBytes: number; readonly totalBytes: number | null }, bytesPerSecond: number | null): number | null {
  if (totalBytes === null || bytesPerSecond === null || bytesPerSecond <= 0) return null;
  return Math.max(0, ((totalBytes - doneBytes) * 1000) / bytesPerSecond);
}
