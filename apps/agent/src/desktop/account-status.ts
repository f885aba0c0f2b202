import { Fault } from '@godwit/base';
import type { AnswerOf, Desktop, DesktopStatus, Routes } from '@godwit/wire';
import { contact } from '../account/contact.ts';
import { withLeftNotes } from '../left/left-notes.ts';
import { notFound } from './find-desktop.ts';
import type { Host } from './host.ts';
import type { LocalDesktop } from './local-desktop.ts';
import { statusOfDamaged, statusOfLocal, statusOfRemote } from './status.ts';

/** What this agent has of the account's desktops. */
export interface DesktopsSeen {
  readonly local: Iterable<LocalDesktop>;
  /** By their id, as the next. */
  readonly damaged: ReadonlyMap<string, Fault>;
  readonly losses: ReadonlyMap<string, string>;
  /** Names. */
  readonly arriving: ReadonlySet<string>;
}

/** All desktops of the account, and its quotas, as the coordinator lists them; undefined while it is out of reach. Throws what says that it is not to be believed. */
export async function listRemote({ account, log }: Host): Promise<AnswerOf<Routes['listDesktops']> | undefined> {
  try {
    // Whoever looks here looks at the log too: a coordinator with another past is not believed about desktops either.
    await contact(account);
    const listed = await account.coordinator.call('listDesktops', {});
    for (const desktop of listed.desktops) account.heads.check(desktop, desktop.head);
    return listed;
  } catch (error) {
    const { kind, code } = Fault.from(error);
    if (kind !== 'unavailable' || code === 'LOG_UNSOUND' || code === 'LOG_REWOUND') throw error;
    log.info('coordinator-unreachable', { error });
    return undefined;
  }
}

/** The desktops of the account, or the one called `name`, as far as they can be seen from here. Throws DESKTOP_NOT_FOUND, COORDINATOR_UNREACHABLE. */
export async function statusOfAccount(host: Host, name: string | null, remote: readonly Desktop[] | undefined, { local, damaged, losses, arriving }: DesktopsSeen): Promise<DesktopStatus[]> {
  const { account, clock } = host;
  const here = [...local].map((desktop) => statusOfLocal(desktop, account.settings.hostName, clock.wallMs()));
  const seen = new Set<string>([...here.map(({ desktopId }) => desktopId), ...damaged.keys()]);
  const unread = [...damaged].map(([desktopId, fault]) => statusOfDamaged(desktopId, fault, remote?.find((desktop) => desktop.desktopId === desktopId)));
  const elsewhere = (remote ?? []).filter(({ desktopId }) => !seen.has(desktopId));
  const all = [...here, ...unread, ...elsewhere.map((desktop) => statusOfRemote(desktop, { self: account.device.hostId, arriving: arriving.has(desktop.name), loss: losses.get(desktop.desktopId) }))];
  const told = remote === undefined ? all : await withLeftNotes(host.home, all);
  const desktops = told.filter((desktop) => name === null || desktop.name === name).sort((a, b) => a.name.localeCompare(b.name));
  if (name !== null && desktops.length === 0) throw remote === undefined ? new Fault('COORDINATOR_UNREACHABLE', { subject: account.settings.coordinator }) : notFound(name, all.map((desktop) => desktop.name));
  return desktops;
}
