import { Worker } from 'bullmq';

/** From now on the first worker that is started takes nothing, as one whose blocking connection stays away for good; those after it work. */
export function idleOnce(): void {
  const { run } = Worker.prototype;
  Worker.prototype.run = () => {
    Worker.prototype.run = run;
    return Promise.resolve();
  };
}
