import { createSecretKey, type KeyObject } from 'node:crypto';
import { Fault, type AccountId, type Clock } from '@godwit/base';
import { bytesOf } from '@godwit/wire';
import type { ObjectDirectory, StoredFile } from './object-directory.ts';
import type { ObjectsRepository } from './objects.repository.ts';
import type { OpenFile } from './open-files.ts';
import { checkUrl, type Permission } from './signed-url.ts';

/** The directory as whoever has a URL reaches it. */
export class ServedObjects {
  readonly #objects: ObjectsRepository;
  readonly #directory: ObjectDirectory;
  readonly #urlKey: KeyObject;
  readonly #clock: Clock;

  constructor(objects: ObjectsRepository, directory: ObjectDirectory, urlKey: Buffer, clock: Clock) {
    this.#objects = objects;
    this.#directory = directory;
    this.#urlKey = createSecretKey(urlKey);
    this.#clock = clock;
  }

  /** The permission that the request line of `url` carries for `operation`, now. */
  #permit(url: string, operation: Permission['operation']): Permission {
    const permission = checkUrl(url, this.#urlKey, this.#clock.wallMs());
    if (permission.operation !== operation) throw new Fault('URL_REFUSED', { expected: `a URL to ${operation}` });
    return permission;
  }

  /**
   * Stores an object once. `announcedBytes`: the request's Content-Length. False when the same bytes were stored before, as
   * after an answer that got lost; other bytes under a taken key are OBJECT_EXISTS; QUOTA_BYTES leaves nothing behind.
   */
  async put(url: string, announcedBytes: number | undefined, body: AsyncIterable<Buffer>): Promise<boolean> {
    const { accountId, key, lengthBytes, sha256 } = this.#permit(url, 'put');
    if (lengthBytes === undefined) throw new Fault('URL_REFUSED');
    if (announcedBytes !== lengthBytes) throw new Fault('OBJECT_LENGTH_REFUSED', { expected: `Content-Length ${lengthBytes}`, found: announcedBytes === undefined ? 'none' : `${announcedBytes}` });
    const { created, file } = await this.#directory.put(accountId, key, body, lengthBytes, sha256 === undefined ? undefined : bytesOf(sha256));
    if (created) {
      await this.#record(accountId, key, file);
      return true;
    }
    // Linked, but perhaps never recorded: a crash in between. What was linked was complete, so it can be recorded now.
    const present = (await this.#objects.find(accountId, key)) ?? (await this.#directory.inspect(accountId, key));
    await this.#objects.recordObject(accountId, key, present);
    if (!present.sha256.equals(file.sha256)) throw new Fault('OBJECT_EXISTS', { subject: key });
    return false;
  }

  /** An object for which there is no room does not stay. */
  async #record(accountId: AccountId, key: string, file: StoredFile): Promise<void> {
    try {
      await this.#objects.recordObject(accountId, key, file);
    } catch (error) {
      if (error instanceof Fault && error.code === 'QUOTA_BYTES') await this.#directory.remove(accountId, key);
      throw error;
    }
  }

  /** Runs `use` with the object's file. */
  async reading<Result>(url: string, use: (file: OpenFile) => Promise<Result>): Promise<Result> {
    const { accountId, key } = this.#permit(url, 'get');
    return await this.#directory.reading(accountId, key, use);
  }
}
