import { freemem } from 'node:os';
import { readFileSync } from 'node:fs';
import { statfs } from 'node:fs/promises';
import type { Clock, DesktopId, Log, Random } from '@godwit/base';
import { decodeManifestPublic, desktopKeys, signedUrlStore, type DesktopKeys, type ObjectStore, type SignedUrlStoreOptions } from '@godwit/snapshot';
import { urlsLimit, type WrappedKey } from '@godwit/wire';
import type { Account } from '../account/account.ts';
import { CachedStore } from '../cache/cached-store.ts';
import type { WarmCache } from '../cache/warm-cache.ts';
import type { Home } from '../home.ts';
import type { EventStream } from '../lease/event-stream.ts';
import type { LeaseHolder } from '../lease/lease-holder.ts';
import type { LidLock } from '../lid/lid-lock.ts';
import type { HostCapabilities, Room } from '../machine/fitness.ts';
import type { MachineHost } from '../machine/machine.ts';
import type { Privilege } from '../machine/privilege.ts';
import type { Activity } from './activity.ts';
import type { Notifications } from '../notify/notifications.ts';

/** What operations on desktops need of this host. */
export interface Host {
  readonly home: Home;
  readonly account: Account;
  /** What this host wrote to the store or read from it before. */
  readonly cache: WarmCache;
  readonly privilege: Privilege;
  readonly capabilities: HostCapabilities;
  /** Whether what is held here may run here. */
  readonly leases: LeaseHolder;
  /** News from the coordinator. */
  readonly events: EventStream;
  /** What is under way here, for whoever watches. */
  readonly activity: Activity;
  /** What its person sees without asking. */
  readonly notices: Notifications;
  /** Keeps the machine awake while a desktop leaves it. */
  readonly lid: LidLock;
  readonly clock: Clock;
  readonly random: Random;
  readonly log: Log;
}

export function machineHost({ capabilities, privilege, clock, log }: Host): MachineHost {
  return { program: capabilities.program, privilege, clock, log };
}

export function keysOf({ account }: Host, desktopId: DesktopId, wrapped: readonly WrappedKey[]): DesktopKeys {
  return desktopKeys(desktopId, account.openDesktopKeys(desktopId, wrapped));
}

/** The keys that reading this manifest and its packs takes: those of the desktops that it was forked from too. */
export async function keysFor(host: Host, desktopId: DesktopId, wrapped: readonly WrappedKey[], manifest: Buffer): Promise<DesktopKeys> {
  const { desktopId: writtenFor, forkedFrom, packs } = decodeManifestPublic(manifest);
  const needed = new Set([writtenFor, ...packs.map((pack) => pack.desktopId), ...(forkedFrom === undefined ? [] : [forkedFrom.desktopId])]);
  needed.delete(desktopId);
  return needed.size === 0 ? keysOf(host, desktopId, wrapped) : keysWithOrigins(host, desktopId, wrapped, (id) => needed.has(id));
}

/** The keys of the desktop and of all others of the account that `wanted` names. */
export async function keysWithOrigins({ account }: Host, desktopId: DesktopId, wrapped: readonly WrappedKey[], wanted: (desktopId: DesktopId) => boolean = () => true): Promise<DesktopKeys> {
  const { desktops } = await account.coordinator.call('listDesktops', {});
  const origins = desktops.filter((desktop) => wanted(desktop.desktopId)).map((desktop) => [desktop.desktopId, account.openDesktopKeys(desktop.desktopId, desktop.wrappedKeys)] as const);
  return desktopKeys(desktopId, account.openDesktopKeys(desktopId, wrapped), new Map(origins));
}

/** What uploads may take of the line, and who is told how they get on. */
type Uploading = Pick<SignedUrlStoreOptions, 'limit' | 'onSent'>;

/** The store, with this host's cache before it: for whoever needs what is in it, not for whoever looks after it. The rest as `storeItself`. */
export function storeOf(host: Host, desktopId: DesktopId, epoch: number, likely: readonly string[] = [], signal?: AbortSignal, uploads?: Uploading): CachedStore {
  return new CachedStore(storeItself(host, desktopId, epoch, likely, signal, uploads), host.cache);
}

/**
 * The store as this host reaches it: by URLs that the coordinator signs for this desktop and, to write, this epoch. `likely`: keys that will
 * be read soon; their URLs come with the first that is asked for, which saves a round trip each to a guest that waits. `signal` ends what is under way.
 */
export function storeItself({ account, clock, random }: Host, desktopId: DesktopId, epoch: number, likely: readonly string[] = [], signal?: AbortSignal, uploads: Uploading = {}): ObjectStore {
  const { coordinator } = account;
  return signedUrlStore({
    clock,
    random,
    ...(signal === undefined ? {} : { signal }),
    ...uploads,
    mint: async (operation, objects) => {
      const body = operation === 'get' ? { operation, objects: withLikely(objects, likely) } : { operation, epoch, objects: objects.map(({ key, lengthBytes, sha256 }) => ({ key, lengthBytes: lengthBytes ?? 0, ...(sha256 === undefined ? {} : { sha256: sha256.toString('base64url') }) })) };
      const { expiresMs, urls } = await coordinator.call('mintUrls', { params: { desktopId }, body });
      return urls.map(({ key, url, headers }) => ({ key, url: new URL(url, coordinator.url).href, headers, expiresMs }));
    },
  });
}

function withLikely(asked: readonly { key: string }[], likely: readonly string[]): { key: string }[] {
  return [...new Set([...asked.map(({ key }) => key), ...likely])].slice(0, Math.max(urlsLimit, asked.length)).map((key) => ({ key }));
}

/** Memory and disk to be had here now, for which the cache stands back. `diskNeededBytes` is the caller's to say. */
export async function roomOf({ home, cache }: Host, diskNeededBytes: number): Promise<Room> {
  await cache.makeRoom(diskNeededBytes);
  const { bavail, bsize } = await statfs(home.directory);
  return { memoryAvailableBytes: memoryAvailableBytes(), diskAvailableBytes: bavail * bsize, diskNeededBytes };
}

/** What the kernel could give without swapping, page cache included; `freemem` alone leaves that out. */
function memoryAvailableBytes(): number {
  const match = /^MemAvailable:\s+(\d+) kB$/m.exec(readFileSync('/proc/meminfo', 'latin1'));
  return match === null ? freemem() : Number(match[1]) * 1024;
}
