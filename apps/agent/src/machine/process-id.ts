import { readFileSync } from 'node:fs';

/** A process by its id and its start, so that a re-used id is never taken for it. */
export interface ProcessId {
  readonly pid: number;
  /** Field 22 of /proc/<pid>/stat: clock ticks after boot. */
  readonly startTicks: string;
}

/** Undefined where no such process runs; one that has ended and that nobody has waited for yet does not run. */
export function processId(pid: number): ProcessId | undefined {
  const found = look(pid);
  return found === undefined || found.state === 'Z' || found.state === 'X' ? undefined : { pid, startTicks: found.startTicks };
}

/** What cannot be looked at, because this machine has no open file left, is taken to run: nobody ends a guard, or starts a second QEMU, for that. */
export function isRunning(id: ProcessId): boolean {
  try {
    return processId(id.pid)?.startTicks === id.startTicks;
  } catch {
    return true; // As said above.
  }
}

/** Whether a signal (SIGSTOP) keeps it from running. */
export function isFrozen(id: ProcessId): boolean {
  const found = look(id.pid);
  return found?.state === 'T' && found.startTicks === id.startTicks;
}

/** The id of the process that waits for its end; undefined where it does not run. */
export function parentOf({ pid, startTicks }: ProcessId): number | undefined {
  const found = look(pid);
  return found?.startTicks === startTicks ? found.parent : undefined;
}

/** Sends the signal to this process and never to another that has got its id. False where it does not run any more. */
export function signalTo(id: ProcessId, signal: NodeJS.Signals): boolean {
  try {
    return isRunning(id) && process.kill(id.pid, signal);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ESRCH') return false;
    throw error;
  }
}

function look(pid: number): { state: string; parent: number; startTicks: string } | undefined {
  try {
    const stat = readFileSync(`/proc/${pid}/stat`, 'latin1');
    // The second field is the name in parentheses and may hold anything; count from its end.
    const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
    return fields[0] === undefined || fields[19] === undefined ? undefined : { state: fields[0], parent: Number(fields[1]), startTicks: fields[19] };
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    if (code === 'ENOENT' || code === 'ESRCH') return undefined;
    throw error;
  }
}
