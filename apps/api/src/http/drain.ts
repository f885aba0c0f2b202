import { Fault } from '@godwit/base';

/**
 * The time between "this coordinator will stop" and its stop: a balancer learns by `/readyz` to send nothing new here, and what comes all the
 * same is served as ever, on connections that end with their answers. Streams are sent away in the second half, when the balancer knows.
 */
export class Drain {
  #begun = false;

  get begun(): boolean {
    return this.#begun;
  }

  /** Resolves after `lastsMs`, or once `hurried` does; halfway begins `sendAway`, for as long as is left. Call it once. */
  async begin(lastsMs: number, hurried: Promise<void>, sendAway: (overMs: number) => Disposable): Promise<void> {
    this.#begun = true;
    if (lastsMs === 0) return;
    using under = new DisposableStack();
    const after = (ms: number, act: () => void): void => {
      const timer = setTimeout(act, ms);
      under.defer(() => clearTimeout(timer));
    };
    after(lastsMs / 2, () => under.use(sendAway(lastsMs / 2)));
    await Promise.race([hurried, new Promise<void>((resolve) => after(lastsMs, resolve))]);
  }

  /** Throws COORDINATOR_STOPPING. */
  requireStaying(): void {
    if (this.#begun) throw new Fault('COORDINATOR_STOPPING');
  }
}
