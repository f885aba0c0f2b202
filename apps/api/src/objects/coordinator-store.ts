import type { AccountId } from '@godwit/base';
import type { SignedUrl } from '@godwit/wire';
import type { StoredFile } from './object-directory.ts';
import type { Permission } from './signed-url.ts';

/**
 * Where the objects of all accounts lie, as the coordinator uses it: a directory of its own (`DirectoryStore`) or a bucket (`BucketStore`). A class,
 * so that it can be asked for by name. Faults of every method: STORE_UNAVAILABLE, STORE_DENIED.
 */
export abstract class CoordinatorStore {
  /** Which one it is, as an operator would name it: another place is another store. */
  abstract readonly place: string;

  /** Hosts put objects past the coordinator: it hears of one when a commit names it, and asks for it then. */
  abstract readonly unseen: boolean;

  /** A URL that carries the permission, and nothing else. OBJECT_DIGEST_REFUSED for a put without a digest, where the store can't do without. */
  abstract sign(permission: Permission): SignedUrl;

  /** Stores what the coordinator itself has to store; durable when it resolves. OBJECT_EXISTS for other bytes of that name. */
  abstract put(accountId: AccountId, key: string, bytes: Buffer, sha256: Buffer): Promise<void>;

  /** Undefined: no such object. */
  abstract lengthOf(accountId: AccountId, key: string): Promise<number | undefined>;

  /** All of it, at most 8 MiB. OBJECT_NOT_FOUND. */
  abstract read(accountId: AccountId, key: string): Promise<Buffer>;

  /** Length and digest, by reading all of it. OBJECT_NOT_FOUND. */
  abstract inspect(accountId: AccountId, key: string): Promise<StoredFile>;

  /** Deletes it for good; fine when it is not there. OBJECT_LOCKED when the store keeps it against deletion. */
  abstract remove(accountId: AccountId, key: string): Promise<void>;

  /** Null: as much as is paid for. */
  abstract freeBytes(): Promise<number | null>;
}
