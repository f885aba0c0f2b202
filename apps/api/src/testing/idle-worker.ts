import { Worker } from 'bullmq';

/** From now on the first worker that is started takes nothing, as one whose blocking connection stays away for good; those after it work. */
export function idleOnce(): void {
  const run = Object.getOwnPropertyDescriptor(Worker.prototype, 'run')!;
  const idle = (): Promise<void> => {
    Object.defineProperty(Worker.prototype, 'run', run);
    return Promise.resolve();
  };
  Object.defineProperty(Worker.prototype, 'run', { ...run, value: idle });
}
