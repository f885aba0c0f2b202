import { createSecretKey, type KeyObject } from 'node:crypto';
import { Readable } from 'node:stream';
import { Fault, type AccountId } from '@godwit/base';
import type { SignedUrl } from '@godwit/wire';
import { CoordinatorStore } from './coordinator-store.ts';
import type { ObjectDirectory, StoredFile } from './object-directory.ts';
import { signUrl, type Permission } from './signed-url.ts';

/** Objects in the coordinator's own directory, which it serves itself (served-objects.ts). */
export class DirectoryStore extends CoordinatorStore {
  readonly place = 'the data directory';
  readonly unseen = false;
  readonly #directory: ObjectDirectory;
  readonly #urlKey: KeyObject;

  constructor(directory: ObjectDirectory, urlKey: Buffer) {
    super();
    this.#directory = directory;
    this.#urlKey = createSecretKey(urlKey);
  }

  sign(permission: Permission): SignedUrl {
    const { key, operation } = permission;
    return { key, method: operation === 'put' ? 'PUT' : 'GET', url: signUrl(permission, this.#urlKey), headers: {} };
  }

  async put(accountId: AccountId, key: string, bytes: Buffer, sha256: Buffer): Promise<void> {
    // A copy: the directory keeps what it is given.
    const { created, file } = await this.#directory.put(accountId, key, Readable.from([Buffer.from(bytes)]), bytes.length, sha256);
    if (created) return;
    const present = await this.#directory.inspect(accountId, key);
    if (!present.sha256.equals(file.sha256)) throw new Fault('OBJECT_EXISTS', { subject: key });
  }

  async lengthOf(accountId: AccountId, key: string): Promise<number | undefined> {
    try {
      return await this.#directory.reading(accountId, key, ({ lengthBytes }) => Promise.resolve(lengthBytes));
    } catch (error) {
      if (error instanceof Fault && error.code === 'OBJECT_NOT_FOUND') return undefined;
      throw error;
    }
  }

  read(accountId: AccountId, key: string): Promise<Buffer> {
    return this.#directory.read(accountId, key);
  }

  inspect(accountId: AccountId, key: string): Promise<StoredFile> {
    return this.#directory.inspect(accountId, key);
  }

  remove(accountId: AccountId, key: string): Promise<void> {
    return this.#directory.remove(accountId, key);
  }

  freeBytes(): Promise<number> {
    return this.#directory.freeBytes();
  }
}
