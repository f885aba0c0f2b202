import type { DesktopId } from '@godwit/base';
import type { LeaseHolder } from '../lease/lease-holder.ts';
import type { LocalDesktop } from './local-desktop.ts';

/** The desktops that this host holds, by their id. As long as one is in here its lease is looked after. */
export class LocalDesktops extends Map<DesktopId, LocalDesktop> {
  readonly #leases: LeaseHolder;

  constructor(leases: LeaseHolder) {
    super();
    this.#leases = leases;
  }

  override set(id: DesktopId, desktop: LocalDesktop): this {
    if (this.get(id) !== desktop) this.delete(id);
    this.#leases.watch(desktop);
    return super.set(id, desktop);
  }

  override delete(id: DesktopId): boolean {
    const desktop = this.get(id);
    if (desktop !== undefined) this.#leases.unwatch(desktop);
    return super.delete(id);
  }
}
