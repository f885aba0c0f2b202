import { Fault } from '@godwit/base';

/** The outcome of `work`, or CANCELLED as soon as its person calls it off: whoever is told so ends what was begun, for `work` itself goes on. */
export function unlessCalledOff<Result>(work: Promise<Result>, signal: AbortSignal | undefined): Promise<Result> {
  if (signal === undefined) return work;
  return new Promise((resolve, reject) => {
    const callOff = (): void => reject(new Fault('CANCELLED'));
    signal.addEventListener('abort', callOff);
    work.then(resolve, reject).finally(() => signal.removeEventListener('abort', callOff));
    if (signal.aborted) callOff();
  });
}

/** Throws CANCELLED when its person has called it off. */
export function throwIfCalledOff(signal: AbortSignal | undefined): void {
  if (signal?.aborted === true) throw new Fault('CANCELLED');
}

/** Runs `work`; what was called off in time tells its person what is left of `name` and where (`stays`, asked when `work` has undone what it began). */
export async function tellWhatStays<Result>(name: string, stays: () => string, work: () => Promise<Result>): Promise<Result> {
  try {
    return await work();
  } catch (error) {
    if (!(error instanceof Fault) || error.code !== 'CANCELLED' || error.found !== undefined) throw error;
    throw new Fault('CANCELLED', { subject: name, found: stays(), cause: error });
  }
}
