import { existsSync, readFileSync } from 'node:fs';
import { Fault, type Random } from '@godwit/base';
import { isSealedFile, openSealedFile, sealFile, zero, type Secret } from '@godwit/crypto';
import { writeDurably } from '../durable-file.ts';
import type { Home } from '../home.ts';
import { newHomeKey, openByCredentials, openUnderPassphrase, sealByCredentials, sealedHomeKey, sealUnderPassphrase, type SealedHomeKey } from './home-key.ts';

export type SealKind = SealedHomeKey['kind'] | 'file';

/** Larger than any key file that is written here: 4096 generations of 36 bytes. */
const keyFileBytesMax = 256 * 1024;

/**
 * Where the key files of this host are read and written. A home from before there were seals has plain files: they are read, and
 * sealed at the next write where the system has something to seal with.
 */
export class KeyStore {
  readonly #home: Home;
  readonly #random: Random;
  #file: SealedHomeKey | undefined;
  #key: Secret | undefined;
  /** Why there is no seal. */
  #refusal: string | undefined;

  private constructor(home: Home, random: Random, file: SealedHomeKey | undefined) {
    this.#home = home;
    this.#random = random;
    this.#file = file;
  }

  /** For a host that is being enrolled: under the passphrase, else under the system's credential store, else in plain files. */
  static async create(home: Home, random: Random, passphrase: string | null): Promise<KeyStore> {
    const store = new KeyStore(home, random, undefined);
    if (passphrase === null) await store.#adopt();
    else await store.#seal(await sealUnderPassphrase((store.#key = newHomeKey(random)), passphrase, random));
    return store;
  }

  /** As it is on disk; one under a passphrase is locked until `unlock`. Throws RECORD_DAMAGED, KEYS_SEALED. */
  static async open(home: Home, random: Random): Promise<KeyStore> {
    const store = new KeyStore(home, random, readHomeKey(home));
    if (store.#file?.kind === 'systemd-creds') store.#key = await openByCredentials(store.#file.sealed);
    return store;
  }

  get kind(): SealKind {
    return this.#file?.kind ?? 'file';
  }

  get refusal(): string | undefined {
    return this.#refusal;
  }

  get locked(): boolean {
    return this.#file !== undefined && this.#key === undefined;
  }

  /** Throws PASSPHRASE_WRONG, PASSPHRASE_UNUSED. */
  async unlock(passphrase: string): Promise<void> {
    if (this.#file?.kind !== 'passphrase') throw new Fault('PASSPHRASE_UNUSED');
    this.#key = await openUnderPassphrase(this.#file, passphrase);
  }

  /** The file's plain bytes, the caller's to zero. Throws LOCKED; `damaged` for a seal that does not open. */
  read(path: string, label: string): Buffer {
    const bytes = readFileSync(path);
    if (bytes.length > keyFileBytesMax) throw new Fault('RECORD_DAMAGED', { subject: path, expected: `at most ${keyFileBytesMax} bytes`, found: `${bytes.length}` });
    if (!isSealedFile(bytes)) return bytes;
    if (this.#file === undefined) throw new Fault('RECORD_DAMAGED', { subject: this.#home.homeKeyFile, found: 'no file' });
    if (this.#key === undefined) throw new Fault('LOCKED');
    try {
      return openSealedFile(this.#key, label, bytes);
    } catch (error) {
      throw new Fault('RECORD_DAMAGED', { subject: path, cause: error });
    }
  }

  /** Replaces the file; `bytes` are zeroed. A plain home is sealed on this occasion, if it can be. Throws LOCKED. */
  async write(path: string, label: string, bytes: Buffer): Promise<void> {
    if (this.#file === undefined) await this.#adopt();
    if (this.locked) throw new Fault('LOCKED');
    await writeDurably(path, this.#key === undefined ? bytes : sealFile(this.#key, label, bytes, this.#random));
    zero(bytes);
  }

  /** Whether the file at `path` still lies there as it is. */
  isPlain(path: string): boolean {
    return existsSync(path) && !isSealedFile(readFileSync(path));
  }

  async #adopt(): Promise<void> {
    const key = newHomeKey(this.#random);
    const outcome = await sealByCredentials(key);
    if ('refusal' in outcome) {
      this.#refusal = outcome.refusal;
      return;
    }
    this.#key = key;
    await this.#seal(outcome.file);
  }

  /** Before anything is sealed with it: a key file whose home key is nowhere would be lost. */
  async #seal(file: SealedHomeKey): Promise<void> {
    await writeDurably(this.#home.homeKeyFile, `${JSON.stringify(file)}\n`);
    this.#file = file;
  }
}

function readHomeKey(home: Home): SealedHomeKey | undefined {
  if (!existsSync(home.homeKeyFile)) return undefined;
  const bytes = readFileSync(home.homeKeyFile);
  try {
    if (bytes.length > keyFileBytesMax) throw new Fault('RECORD_DAMAGED', { expected: `at most ${keyFileBytesMax} bytes` });
    return sealedHomeKey.parse(JSON.parse(bytes.toString('utf8')));
  } catch (error) {
    throw new Fault('RECORD_DAMAGED', { subject: home.homeKeyFile, cause: error });
  }
}
