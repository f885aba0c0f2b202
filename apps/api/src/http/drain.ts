import { Fault } from '@godwit/base';

/**
 * The time between "this coordinator will stop" and its stop: a balancer learns by `/readyz` to send nothing new here, and what comes all the
 * same is served as ever, on connections that end with their answers.
 */
export class Drain {
  #begun = false;

  get begun(): boolean {
    return this.#begun;
  }

  /** Resolves after `lastsMs`, or once `hurried` does. Call it once. */
  async begin(lastsMs: number, hurried: Promise<void>): Promise<void> {
    this.#begun = true;
    if (lastsMs === 0) return;
    let timer: NodeJS.Timeout | undefined;
    await Promise.race([hurried, new Promise<void>((resolve) => (timer = setTimeout(resolve, lastsMs)))]);
    clearTimeout(timer);
  }

  /** Throws COORDINATOR_STOPPING. */
  requireStaying(): void {
    if (this.#begun) throw new Fault('COORDINATOR_STOPPING');
  }
}
