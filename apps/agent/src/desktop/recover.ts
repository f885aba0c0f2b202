import { existsSync, readdirSync } from 'node:fs';
import { basename } from 'node:path';
import { Fault, parseId, type DesktopId } from '@godwit/base';
import { QmpSession, stop } from '@godwit/qemu';
import { Guard } from '../guard/guard.ts';
import type { DesktopHome } from '../home.ts';
import { moveFolder } from '../left/leave-disks.ts';
import { Machine } from '../machine/machine.ts';
import { endMachines, machinesOf, strangersTo } from '../machine/machines-of.ts';
import { isRunning, type ProcessId } from '../machine/process-id.ts';
import { QemuProcess } from '../machine/qemu-process.ts';
import { machineHost, type Host } from './host.ts';
import { LocalDesktop } from './local-desktop.ts';
import { endedNote, silentNote } from './machine-note.ts';
import { loadRecord, removeFolder, type DesktopRecord } from './record.ts';
import { recordFound, recoveryTable, type MachineFound, type NextStep, type RecoveryRow } from './recovery.ts';

export type Recovered =
  | { readonly kind: 'nothing' }
  /** Its record cannot be read: nothing of it is touched until it can. */
  | { readonly kind: 'damaged'; readonly fault: Fault }
  /** `machine`: its QEMU, attached to nothing yet. The desktop's `silent` is set where there is one that does not answer. */
  | { readonly kind: 'found'; readonly desktop: LocalDesktop; readonly machine: Machine | undefined; readonly next: NextStep };

/** Between questions to a QEMU that does not answer. */
const askMachineEveryMs = 250;
/** Between attempts to put a machine that was found into order. */
const settleAgainMs = 2_000;
const unsettled = 'its machine is not as it should be yet, and is tried again';
/** For the guest of a damaged desktop, which is looked at with each command. */
const holdMs = 2_000;

/** Looks at one folder of the desktops and does what recovery.ts says to its machine. Throws what the file system says, QEMU_STUCK. */
export async function recoverDesktop(host: Host, folder: string): Promise<Recovered> {
  const desktopId = parseId<DesktopId>(folder);
  const home = host.home.desktop(desktopId);
  const { record, fault } = await readFound(home);
  const working = machinesOf(home.machineDirectory);
  if (fault !== undefined) {
    host.log.error('desktop-damaged', { desktop: desktopId, machines: working.length, error: fault });
    if (working.length > 0) await holdGuest(host, home);
    return { kind: 'damaged', fault };
  }
  await endMachines(strangersTo(record?.machine ?? null, working));
  if (record === undefined) {
    await removeFolder(home);
    return { kind: 'nothing' };
  }
  return takeUp(host, await moveFolder(host.home, new LocalDesktop(home, record)));
}

async function takeUp(host: Host, desktop: LocalDesktop): Promise<Recovered> {
  const { record } = desktop;
  const process = record.machine === null ? undefined : QemuProcess.find(record.machine);
  // Left by an agent that was killed while the desktop ceased to be strict: it would kill what it guards when a lease is over that nobody renews.
  if (process !== undefined && record.offline !== 'stop') await endGuard(host, desktop, process.id);
  // One that is ended anyway is not asked first.
  const asked = recoveryTable[recordFound(record)].answers.machine === 'end' ? undefined : process;
  const machine = asked === undefined ? undefined : await askMachine(host, desktop, asked);
  const state: MachineFound = machine !== undefined ? 'answers' : process?.alive === true ? 'silent' : 'gone';
  const row: RecoveryRow = recoveryTable[recordFound(record)][state];
  host.log.info('desktop-found', { desktop: record.desktopId, stage: record.stage, machine: state, step: row.machine, next: row.next });
  if (row.machine === 'end' && record.machine !== null) await endMachines([record.machine]);
  if (row.machine === 'wait') {
    desktop.silent = process;
    desktop.note = silentNote(desktop);
  } else if (state === 'gone' && (row.next === 'stand-ready' || row.next === 'ask-checkpoint')) desktop.note = endedNote(desktop);
  return { kind: 'found', desktop, machine, next: row.next };
}

async function endGuard({ clock, log }: Host, { home, record: { desktopId } }: LocalDesktop, machineProcess: ProcessId): Promise<void> {
  const guard = Guard.find({ home, machineProcess, clock });
  if (guard === undefined) return;
  log.info('guard-left', { desktop: desktopId, pid: guard.id.pid });
  await guard.end();
}

/**
 * The machine of a desktop that was found, as it should be: without layers that nobody uses, its guest running if it may, else standing still. What
 * cannot be done now is tried again every 2 s as long as that machine is there; resolves after the first attempt.
 */
export async function settleMachine(host: Host, desktop: LocalDesktop): Promise<void> {
  const { machine } = desktop;
  try {
    await desktop.reconcileLayers(machine);
    if (desktop.mayRun) await desktop.goOn();
    else await desktop.hold();
    if (desktop.note?.startsWith(unsettled) === true) desktop.note = undefined;
  } catch (error) {
    host.log.warn('machine-not-settled', { desktop: desktop.record.desktopId, error });
    if (machine === undefined) return;
    desktop.note = `${unsettled}: ${Fault.from(error).message}`;
    setTimeout(() => {
      if (desktop.machine === machine && desktop.operation === undefined) void settleMachine(host, desktop);
    }, settleAgainMs);
  }
}

/** Asks a desktop's silent QEMU until it answers, and gives it; undefined when it has ended, however long that takes. */
export async function awaitMachine(host: Host, desktop: LocalDesktop): Promise<Machine | undefined> {
  const { silent } = desktop;
  if (silent === undefined) return undefined;
  for (;;) {
    await new Promise((resolve) => setTimeout(resolve, askMachineEveryMs));
    const machine = await askMachine(host, desktop, silent);
    if (machine === undefined && isRunning(silent.id)) continue;
    desktop.silent = undefined;
    if (machine === undefined) desktop.note = endedNote(desktop);
    return machine;
  }
}

/** Undefined when it has ended, or does not answer now. */
async function askMachine(host: Host, { home }: LocalDesktop, { id }: QemuProcess): Promise<Machine | undefined> {
  try {
    return await Machine.find(machineHost(host), home, id);
  } catch (error) {
    host.log.warn('machine-silent', { directory: home.machineDirectory, pid: id.pid, error });
    return undefined;
  }
}

async function readFound(home: DesktopHome): Promise<{ record?: DesktopRecord; fault?: Fault }> {
  try {
    const record = await loadRecord(home);
    if (record !== undefined) return { record };
  } catch (error) {
    return { fault: Fault.from(error) };
  }
  return isBare(home) ? {} : { fault: new Fault('RECORD_DAMAGED', { subject: home.recordFile, found: 'no file' }) };
}

/** Nothing in it that was ever part of a desktop: folders are made before the record, and the record is removed last. */
function isBare(home: DesktopHome): boolean {
  const names = readdirSync(home.directory).filter((name) => name !== `${basename(home.recordFile)}.new` && name !== basename(home.machineDirectory));
  return names.length === 0 && (!existsSync(home.machineDirectory) || readdirSync(home.machineDirectory).length === 0);
}

/** Whether it may run, and in which epoch, is written in what cannot be read. */
async function holdGuest({ log }: Host, { machineDirectory }: DesktopHome): Promise<void> {
  try {
    const qmp = await QmpSession.connect(`${machineDirectory}/qmp`, { timeoutMs: holdMs });
    await stop(qmp);
    qmp.close();
  } catch (error) {
    log.error('guest-not-held', { directory: machineDirectory, error });
  }
}
