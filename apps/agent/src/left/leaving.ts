import { Fault, type Log } from '@godwit/base';
import type { Host } from '../desktop/host.ts';
import type { LocalDesktop } from '../desktop/local-desktop.ts';
import type { LocalDesktops } from '../desktop/local-desktops.ts';
import type { Taken } from '../lease/held-desktop.ts';
import { leaveBehind } from './leave-behind.ts';

/** Between looks at whether the operation under way has ended. */
const operationPollMs = 50;

/** The desktops that another host has taken over, while what is here of them becomes desktops of their own. */
export class Leaving {
  readonly #host: Host;
  readonly #local: LocalDesktops;
  readonly #log: Log;
  readonly #under = new Set<LocalDesktop>();

  constructor(host: Host, local: LocalDesktops) {
    this.#host = host;
    this.#local = local;
    this.#log = host.log;
  }

  /**
   * Another host has the desktop: its guest stands still from now on, and when the operation under way has failed, what is here becomes a
   * desktop of its own. Whoever learns of it calls this, as often as it likes.
   */
  begin(desktop: LocalDesktop, taken: Taken): void {
    if (this.#under.has(desktop)) return;
    this.#under.add(desktop);
    desktop.holding = 'superseded';
    this.#host.notices.tell({ kind: 'taken-over', name: desktop.record.name, by: taken.by });
    this.#leave(desktop, taken)
      .catch((error: unknown) => {
        desktop.note = Fault.from(error).message;
        this.#log.error('copy-not-left', { desktop: desktop.record.desktopId, error });
      })
      .finally(() => this.#under.delete(desktop));
  }

  async #leave(desktop: LocalDesktop, taken: Taken): Promise<void> {
    const { desktopId } = desktop.record;
    // A QEMU that does not answer now is asked again, and its lease holder asks too.
    await desktop.hold().catch((error: unknown) => this.#log.warn('guest-not-held', { desktop: desktopId, error }));
    await desktop.standBack();
    // A commit that is accepted after all leaves nothing behind.
    while (desktop.operation !== undefined || desktop.commitPending) await new Promise((resolve) => setTimeout(resolve, operationPollMs));
    if (this.#local.get(desktopId) !== desktop) return;
    const left = await desktop.exclusively('leaving', () => leaveBehind(this.#host, desktop, taken));
    this.#local.delete(desktopId);
    const keptAs = left.kind === 'here' ? left.desktop.name : desktop.record.left?.name;
    if (keptAs !== undefined) this.#host.notices.tell({ kind: 'copy-kept', name: desktop.record.name, keptAs });
    if (left.kind === 'here') this.#local.set(left.desktop.record.desktopId, left.desktop);
  }
}
