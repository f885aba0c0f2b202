/**
 * The guard of one QEMU: `node main.js FOLDER MONITOR PID START-TICKS PAUSE-MS KILL-MS AHEAD-MS`, started by the agent (guard.ts) and on its own
 * from then on. It imports little, so that it starts quickly and stays small: nothing of libs/wire, whose times it is told.
 */
import { rmSync, writeFileSync, writeSync } from 'node:fs';
import { constants, setPriority } from 'node:os';
import { setTimeout as sleep } from 'node:timers/promises';
import { jsonLog, systemClock } from '@godwit/base';
import { processId, type ProcessId } from '../machine/process-id.ts';
import { decodeSeen, encodeGuard, encodeSeen, guardFiles, makeSmall, readBootId, readSmall } from './guard-files.ts';
import { GuardedQemu } from './guarded-qemu.ts';
import { Mailbox } from './mailbox.ts';
import type { GuardTimes } from './verdict.ts';
import { Watch } from './watch.ts';

const lookMs = 100;
const lastWordMs = 500;

const log = jsonLog((line) => {
  try {
    writeSync(process.stderr.fd, line);
  } catch {
    // A full disk loses the line, and nothing else.
  }
});

/** Ends only with QEMU, or when the agent says that there is nothing to guard: not with a session, a terminal, or a defect of its own. */
function stayAlive(): void {
  for (const signal of ['SIGTERM', 'SIGINT', 'SIGHUP'] as const) process.on(signal, () => log.info('signal-ignored', { signal }));
  process.on('uncaughtException', (error) => log.error('defect', { error }));
  tryTo('be the last to be killed for memory', () => writeFileSync('/proc/self/oom_score_adj', '-1000'));
  tryTo('be scheduled before others', () => setPriority(constants.priority.PRIORITY_HIGH));
}

/** Rights that only root has; without them the guard does the same, less certainly. */
function tryTo(what: string, work: () => void): void {
  try {
    work();
  } catch {
    log.info('without-right', { what });
  }
}

interface Orders {
  readonly directory: string;
  readonly monitor: string;
  readonly machine: ProcessId;
  readonly times: GuardTimes;
}

function parseOrders([directory, monitor, pid, startTicks, ...times]: readonly string[]): Orders {
  const [pauseMs, killMs, aheadMs] = times.map(Number);
  const whole = [Number(pid), pauseMs, killMs, aheadMs].every(Number.isSafeInteger);
  if (directory === undefined || monitor === undefined || startTicks === undefined || !whole) throw new Error('usage: FOLDER MONITOR PID START-TICKS PAUSE-MS KILL-MS AHEAD-MS');
  return { directory, monitor, machine: { pid: Number(pid), startTicks }, times: { pauseMs: pauseMs!, killMs: killMs!, aheadMs: aheadMs! } };
}

async function guard({ directory, monitor, machine, times }: Orders): Promise<void> {
  const files = guardFiles(directory);
  const bootId = readBootId();
  const mailbox = await Mailbox.open(files, bootId);
  const found = decodeSeen(await readSmall(files.seen) ?? '')?.deed ?? 'none';
  rmSync(files.seen, { force: true });
  await makeSmall(files.seen, encodeSeen({ deadlineMs: null, deed: found }));
  // Its being there says that the machine is guarded; a second guard of the same folder fails here.
  await makeSmall(files.guard, encodeGuard(bootId, { guard: processId(process.pid)!, machine }));
  stayAlive();
  const quarry = new GuardedQemu(machine, monitor, log);
  void quarry.stayConnected();
  const readDeadline = (): Promise<number | null | undefined> => mailbox.readDeadline(systemClock.bootMs() + times.aheadMs);
  const watch = new Watch({ times, clock: systemClock, quarry, readDeadline, tell: (seen) => mailbox.tell(seen), log, found });
  for (;;) {
    try {
      if (!(await watch.look())) break;
    } catch (error) {
      log.error('look-failed', { error });
    }
    await sleep(lookMs);
  }
  await mailbox.flush(lastWordMs);
  process.exit(0);
}

await guard(parseOrders(process.argv.slice(2)));
