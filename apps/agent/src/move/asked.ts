import type { ControlArguments, ControlResult, EventMessage } from '@godwit/wire';
import { loadSettings, saveSettings } from '../account/settings.ts';
import type { Account } from '../account/account.ts';
import type { Host } from '../desktop/host.ts';
import { assertRunsHere } from '../desktop/take-over.ts';
import type { Home } from '../home.ts';
import { AskedArrivals, type AskedArrivalParts } from './asked-arrival.ts';
import { AskedDepartures, type AskedParts } from './asked-departure.ts';

/** What other hosts of the account may ask of this one. */

export function askedDepartures({ account: { coordinator }, clock, log, notices }: Host, work: Pick<AskedParts, 'find' | 'suspend'>): AskedDepartures {
  return new AskedDepartures({ coordinator, clock, log, ...work, onDeparture: (name, by) => notices.tell({ kind: 'departure-asked', name, by }) });
}

export function askedArrivals(host: Host, resume: AskedArrivalParts['resume']): AskedArrivals {
  const { account, clock, log, notices, home } = host;
  return new AskedArrivals({
    self: account.device.hostId,
    chain: () => account.refreshChain(),
    coordinator: account.coordinator,
    clock,
    log,
    mayArrive: () => arrivalsAllowed(home, account),
    // One that was never saved has shown nobody what it needs.
    assertFits: async (desktop) => (desktop.head === null ? undefined : assertRunsHere(host, desktop, desktop.head)),
    resume,
    onArrival: (name, by) => notices.tell({ kind: 'arrival-ordered', name, by }),
  });
}

/** News is a reason to stop, to ask, or to tell this host's person. */
export function hear({ account, leases, notices }: Host, asked: { readonly departures: AskedDepartures; readonly arrivals: AskedArrivals }, message: EventMessage): void {
  if (message.type === 'hello') leases.reconnected();
  if (message.type === 'desktop-changed') leases.changed(message.desktopId, { epoch: message.epoch, by: message.owner?.name ?? null });
  if (message.type === 'departure-asked') void asked.departures.asked(message);
  if (message.type === 'departure-called-off') asked.departures.calledOff(message);
  if (message.type === 'arrival-asked') void asked.arrivals.asked(message);
  if (message.type === 'host-joined' && message.hostId !== account.device.hostId) notices.tell({ kind: 'host-joined', host: message.name });
  if (message.type === 'host-revoked') notices.tell({ kind: 'host-revoked' });
}

/** Read anew each time: its person may have changed it since this agent began. */
function arrivalsAllowed(home: Home, account: Account): boolean {
  return (loadSettings(home) ?? account.settings).arrivalsRefused !== true;
}

/** Whether other hosts may have desktops resumed here; kept in the settings of this host. */
export async function answerArrivals(home: Home, account: Account, { allowed }: ControlArguments<'arrivals'>): Promise<ControlResult<'arrivals'>> {
  const before = arrivalsAllowed(home, account);
  if (allowed === null || allowed === before) return { allowed: before, changed: false };
  const { arrivalsRefused: _before, ...settings } = loadSettings(home) ?? account.settings;
  await saveSettings(home, allowed ? settings : { ...settings, arrivalsRefused: true });
  return { allowed, changed: true };
}
