import { Inject, Injectable } from '@nestjs/common';
import { Fault, type AccountId, type Clock, type DesktopId } from '@godwit/base';
import { parseObjectKey } from '@godwit/snapshot';
import { bytesOf, urlLifeMs, type AnswerOf, type BodyOf, type Routes, type SignedUrl } from '@godwit/wire';
import { reached, type Database } from '../database/database.ts';
import type { Caller } from '../http/caller.ts';
import { allowed, readLease } from '../leases/lease.transitions.ts';
import { clockToken, databaseToken } from '../tokens.ts';
import { CoordinatorStore } from './coordinator-store.ts';
import { ObjectsRepository, type KnownObject } from './objects.repository.ts';
import type { Permission } from './signed-url.ts';

type UrlsBody = BodyOf<Routes['mintUrls']>;

/** Questions to the store under way at once for one commit. */
const atOnce = 16;

/** Who may put and get which objects. */
@Injectable()
export class ObjectsService {
  readonly #db: Database;
  readonly #objects: ObjectsRepository;
  readonly #store: CoordinatorStore;
  readonly #clock: Clock;

  constructor(@Inject(databaseToken) db: Database, @Inject(ObjectsRepository) objects: ObjectsRepository, @Inject(CoordinatorStore) store: CoordinatorStore, @Inject(clockToken) clock: Clock) {
    this.#db = db;
    this.#objects = objects;
    this.#store = store;
    this.#clock = clock;
  }

  /** To write: for the lease's holder, in its epoch, under its own prefix. To read: for any host of the account. */
  async mint(caller: Caller, desktopId: DesktopId, body: UrlsBody): Promise<AnswerOf<Routes['mintUrls']>> {
    const lease = await reached(() => readLease(this.#db, caller.accountId, desktopId));
    if (body.operation === 'put') await reached(() => allowed(this.#db, lease, { type: 'write', host: caller.hostId, epoch: body.epoch }));
    else await reached(() => this.#requireOwnDesktops(caller, desktopId, body.objects));
    const expiresMs = this.#clock.wallMs() + urlLifeMs;
    const urls = body.operation === 'put' ? body.objects.map((object) => this.#putUrl(caller, desktopId, body.epoch, object, expiresMs)) : body.objects.map(({ key }) => this.#getUrl(caller, key, expiresMs));
    // Before anybody has a URL: an object that the coordinator does not see come must not be one that it never heard of.
    if (body.operation === 'put') await (this.#store.unseen ? this.#objects.announce(caller.accountId, body.objects.map(announced)) : this.#objects.requireRoom(caller.accountId, body.objects));
    return { expiresMs, urls };
  }

  /** Of objects that hosts put past the coordinator: asks the store for those of the keys that nobody has seen yet, and notes what is there whole. */
  async look(accountId: AccountId, keys: readonly string[]): Promise<void> {
    if (!this.#store.unseen) return;
    const left = await this.#objects.findUnseen(accountId, keys);
    const there: string[] = [];
    const work = async (): Promise<void> => {
      for (let next = left.pop(); next !== undefined; next = left.pop()) {
        if ((await this.#store.lengthOf(accountId, next.key)) === next.lengthBytes) there.push(next.key);
      }
    };
    await Promise.all(Array.from({ length: Math.min(atOnce, left.length) }, work));
    if (there.length > 0) await this.#objects.noteSeen(accountId, there);
  }

  #putUrl(caller: Caller, desktopId: DesktopId, epoch: number, object: { key: string; lengthBytes: number; sha256?: string | undefined }, expiresMs: number): SignedUrl {
    const place = parseObjectKey(object.key);
    if (place?.desktopId !== desktopId || place.epoch !== epoch || place.hostId !== caller.hostId) {
      throw new Fault('OBJECT_KEY_REFUSED', { expected: `a key of desktop ${desktopId}, epoch ${epoch}, host ${caller.hostId}`, found: object.key });
    }
    const permission: Permission = {
      operation: 'put',
      accountId: caller.accountId,
      key: object.key,
      expiresMs,
      lengthBytes: object.lengthBytes,
      ...(object.sha256 === undefined ? {} : { sha256: object.sha256 }),
    };
    return this.#store.sign(permission);
  }

  /** A fork reads packs of the desktops that it came from: any desktop of the account will do, and only those. */
  async #requireOwnDesktops({ accountId }: Caller, desktopId: DesktopId, objects: readonly { readonly key: string }[]): Promise<void> {
    const keys = new Map<DesktopId, string>();
    for (const { key } of objects) {
      const place = parseObjectKey(key);
      if (place === undefined) throw new Fault('OBJECT_KEY_REFUSED', { expected: 'the key of an object', found: key });
      if (place.desktopId !== desktopId) keys.set(place.desktopId, key);
    }
    if (keys.size === 0) return;
    const rows = await this.#db.selectFrom('desktops').select('desktop_id').where('account_id', '=', accountId).where('desktop_id', 'in', [...keys.keys()]).execute();
    for (const row of rows) keys.delete(row.desktop_id);
    const [strange] = keys.values();
    if (strange !== undefined) throw new Fault('OBJECT_KEY_REFUSED', { expected: 'a key of a desktop of the account', found: strange });
  }

  #getUrl(caller: Caller, key: string, expiresMs: number): SignedUrl {
    return this.#store.sign({ operation: 'get', accountId: caller.accountId, key, expiresMs });
  }
}

function announced({ key, lengthBytes, sha256 }: { key: string; lengthBytes: number; sha256?: string | undefined }): KnownObject {
  return { key, lengthBytes, sha256: bytesOf(sha256 ?? '') };
}
