import { createSecretKey, type KeyObject } from 'node:crypto';
import { Inject, Injectable } from '@nestjs/common';
import { Fault, type Clock, type DesktopId } from '@godwit/base';
import { parseObjectKey } from '@godwit/snapshot';
import { bytesOf, urlLifeMs, type AnswerOf, type BodyOf, type Routes, type SignedUrl } from '@godwit/wire';
import { reached, type Database } from '../database/database.ts';
import type { Caller } from '../http/caller.ts';
import { allowed, readLease } from '../leases/lease.transitions.ts';
import { clockToken, databaseToken, urlKeyToken } from '../tokens.ts';
import { ObjectDirectory } from './object-directory.ts';
import { ObjectsRepository } from './objects.repository.ts';
import type { OpenFile } from './open-files.ts';
import { checkUrl, signUrl, type Permission } from './signed-url.ts';

type UrlsBody = BodyOf<Routes['mintUrls']>;

@Injectable()
export class ObjectsService {
  readonly #db: Database;
  readonly #objects: ObjectsRepository;
  readonly #directory: ObjectDirectory;
  readonly #urlKey: KeyObject;
  readonly #clock: Clock;

  constructor(
    @Inject(databaseToken) db: Database,
    @Inject(ObjectsRepository) objects: ObjectsRepository,
    @Inject(ObjectDirectory) directory: ObjectDirectory,
    @Inject(urlKeyToken) urlKey: Buffer,
    @Inject(clockToken) clock: Clock,
  ) {
    this.#db = db;
    this.#objects = objects;
    this.#directory = directory;
    this.#urlKey = createSecretKey(urlKey);
    this.#clock = clock;
  }

  /** To write: for the lease's holder, in its epoch, under its own prefix. To read: for any host of the account. */
  async mint(caller: Caller, desktopId: DesktopId, body: UrlsBody): Promise<AnswerOf<Routes['mintUrls']>> {
    const lease = await reached(() => readLease(this.#db, caller.accountId, desktopId));
    if (body.operation === 'put') await reached(() => allowed(this.#db, lease, { type: 'write', host: caller.hostId, epoch: body.epoch }));
    else await reached(() => this.#requireOwnDesktops(caller, desktopId, body.objects));
    const expiresMs = this.#clock.wallMs() + urlLifeMs;
    const urls = body.operation === 'put' ? body.objects.map((object) => this.#putUrl(caller, desktopId, body.epoch, object, expiresMs)) : body.objects.map(({ key }) => this.#getUrl(caller, key, expiresMs));
    return { expiresMs, urls };
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
    return { key: object.key, method: 'PUT', url: signUrl(permission, this.#urlKey), headers: {} };
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
    return { key, method: 'GET', url: signUrl({ operation: 'get', accountId: caller.accountId, key, expiresMs }, this.#urlKey), headers: {} };
  }

  /** The permission that the request line of `url` carries for `operation`, now. */
  #permit(url: string, operation: Permission['operation']): Permission {
    const permission = checkUrl(url, this.#urlKey, this.#clock.wallMs());
    if (permission.operation !== operation) throw new Fault('URL_REFUSED', { expected: `a URL to ${operation}` });
    return permission;
  }

  /**
   * Stores an object once. `announcedBytes`: the request's Content-Length. False when the same bytes were stored before, as
   * after an answer that got lost; other bytes under a taken key are OBJECT_EXISTS.
   */
  async put(url: string, announcedBytes: number | undefined, body: AsyncIterable<Buffer>): Promise<boolean> {
    const { accountId, key, lengthBytes, sha256 } = this.#permit(url, 'put');
    if (lengthBytes === undefined) throw new Fault('URL_REFUSED');
    if (announcedBytes !== lengthBytes) throw new Fault('OBJECT_LENGTH_REFUSED', { expected: `Content-Length ${lengthBytes}`, found: announcedBytes === undefined ? 'none' : `${announcedBytes}` });
    const { created, file } = await this.#directory.put(accountId, key, body, lengthBytes, sha256 === undefined ? undefined : bytesOf(sha256));
    if (created) {
      await this.#objects.recordObject(accountId, key, file);
      return true;
    }
    // Linked, but perhaps never recorded: a crash in between. What was linked was complete, so it can be recorded now.
    const present = (await this.#objects.find(accountId, key)) ?? (await this.#directory.inspect(accountId, key));
    await this.#objects.recordObject(accountId, key, present);
    if (!present.sha256.equals(file.sha256)) throw new Fault('OBJECT_EXISTS', { subject: key });
    return false;
  }

  /** Runs `use` with the object's file. */
  async reading<Result>(url: string, use: (file: OpenFile) => Promise<Result>): Promise<Result> {
    const { accountId, key } = this.#permit(url, 'get');
    return await this.#directory.reading(accountId, key, use);
  }
}
