import { Fault } from '@godwit/base';
import type { LocalDesktop } from './local-desktop.ts';

/**
 * Switches a desktop off that has everything here; the caller has made it the desktop's only operation. True: its guest shut down by itself.
 * Throws DESKTOP_SAVED, DESKTOP_NOT_RUNNING, COMMIT_UNKNOWN, QEMU_SILENT.
 */
export async function stopDesktop(desktop: LocalDesktop, force: boolean): Promise<boolean> {
  const { name, machine } = desktop;
  if (desktop.record.stage === 'saved') throw new Fault('DESKTOP_SAVED', { subject: name, hint: `it does not run; go on with \`godwit resume ${name}\`` });
  if (machine === undefined && desktop.silent === undefined) throw new Fault('DESKTOP_NOT_RUNNING', { subject: name });
  if (desktop.commitPending) throw new Fault('COMMIT_UNKNOWN', { subject: name });
  if (machine === undefined && !force) throw new Fault('QEMU_SILENT', { subject: name });
  const clean = force || machine === undefined ? await desktop.endMachine().then(() => false) : await machine.shutDown();
  await desktop.update({ machine: null });
  return clean;
}
