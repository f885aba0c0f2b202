import { Fault, type Clock } from '@godwit/base';
import { signedUrlStore, type MintedUrl, type MintObject, type ObjectStore, type StoredObject } from '@godwit/snapshot';
import { urlLifeMs } from '@godwit/wire';
import { bucketFault, isDenied } from './bucket-faults.ts';
import { readLock, type BucketLock } from './bucket-lock.ts';
import { placeOf, type S3Settings } from './s3-settings.ts';
import { SigningClient } from './signing-client.ts';

/** A URL, and the headers that its request has to bring as they are. */
export type SignedPlace = Pick<MintedUrl, 'url' | 'headers'>;

const attemptsMax = 3;
const backOffMs = 200;
/** A bucket's versioning is asked for anew after this time: somebody may have switched it on. */
const factsMs = 3_600_000;

/** A prefix of a bucket as a store. Objects go in and out by signed URLs, as hosts use them: one way for all. Names and deletions go through `minio`. */
export class Bucket {
  readonly settings: S3Settings;
  /** Objects under the prefix: what it gives and takes are keys without it. */
  readonly objects: ObjectStore;
  readonly #clock: Clock;
  readonly #near: SigningClient;
  readonly #far: SigningClient;
  #versioned: { readonly untilMs: number; readonly answer: Promise<boolean> } | undefined;

  constructor(settings: S3Settings, clock: Clock) {
    this.settings = settings;
    this.#clock = clock;
    this.#near = new SigningClient(settings, settings.endpoint);
    this.#far = new SigningClient(settings, settings.publicEndpoint);
    const urls = signedUrlStore({ clock, attempts: attemptsMax, backOffMs, mint: (operation, objects) => Promise.resolve(objects.map((object) => this.#mint(operation, object))) });
    this.objects = {
      put: (key, body, digest) => urls.put(key, body, digest),
      get: (key, range) => urls.get(key, range),
      size: (key) => urls.size(key),
      list: (prefix) => this.#list(prefix),
      delete: (key) => this.#delete(key),
    };
  }

  /** To put exactly these bytes under a name that nothing has. For hosts, unless `near`. */
  signPut(key: string, sha256: Buffer, expiresMs: number, near = false): SignedPlace {
    const hex = sha256.toString('hex');
    // The hash of the payload is part of the signature itself. The checksum is what Amazon keeps beside the object, and what a lock on objects asks for.
    const headers = { 'if-none-match': '*', 'x-amz-checksum-sha256': sha256.toString('base64'), ...(this.settings.signBody ? { 'x-amz-content-sha256': hex } : {}) };
    const url = this.#sign({ method: 'PUT', objectName: this.nameOf(key), headers, ...(this.settings.signBody ? { bodyDigest: hex } : {}) }, expiresMs, near);
    return { url, headers };
  }

  /** To get it, whole or in ranges. For hosts, unless `near`. */
  signGet(key: string, expiresMs: number, near = false): SignedPlace {
    return { url: this.#sign({ method: 'GET', objectName: this.nameOf(key), headers: {} }, expiresMs, near), headers: {} };
  }

  get place(): string {
    return placeOf(this.settings);
  }

  nameOf(key: string): string {
    return `${this.settings.prefix}${key}`;
  }

  /** Whether deletions leave versions behind. False too where it may not be asked: then they stay, and `store check` says so. */
  versioned(): Promise<boolean> {
    const nowMs = this.#clock.workMs();
    if (this.#versioned === undefined || nowMs >= this.#versioned.untilMs) {
      const answer = this.ask('', (client, bucket) => client.getBucketVersioning(bucket)).then(
        keepsVersions,
        (error: unknown) => {
          this.#versioned = undefined;
          if (isDenied(error)) return false;
          throw error;
        },
      );
      this.#versioned = { untilMs: nowMs + factsMs, answer };
    }
    return this.#versioned.answer;
  }

  /** How the bucket locks objects; undefined where it can't. */
  lock(): Promise<BucketLock | undefined> {
    return readLock(this);
  }

  /** Asks the bucket itself, again where that may help; what goes wrong comes out as a fault of the store about `subject`. */
  async ask<Answer>(subject: string, call: (client: SigningClient, bucket: string) => Promise<Answer>): Promise<Answer> {
    for (let attempt = 1; ; attempt += 1) {
      try {
        return await call(this.#near, this.settings.bucket);
      } catch (error) {
        const fault = bucketFault(error, subject);
        if (fault.code !== 'STORE_UNAVAILABLE' || attempt >= attemptsMax) throw fault;
        await new Promise((resolve) => setTimeout(resolve, backOffMs * 2 ** (attempt - 1)));
      }
    }
  }

  #mint(operation: 'put' | 'get', { key, sha256 }: MintObject): MintedUrl {
    const expiresMs = this.#clock.wallMs() + urlLifeMs;
    if (operation === 'get') return { key, expiresMs, ...this.signGet(key, expiresMs, true) };
    if (sha256 === undefined) throw new Fault('INTERNAL', { subject: key, expected: 'a digest' });
    return { key, expiresMs, ...this.signPut(key, sha256, expiresMs, true) };
  }

  /** Dated so that it ends at `expiresMs`: one that lies in the past makes a URL that has ended. */
  #sign(asked: Omit<Parameters<SigningClient['signUrl']>[0], 'datedMs' | 'lifeSeconds'>, expiresMs: number, near: boolean): string {
    return (near ? this.#near : this.#far).signUrl({ ...asked, datedMs: expiresMs - urlLifeMs, lifeSeconds: urlLifeMs / 1000 });
  }

  async *#list(prefix: string): AsyncGenerator<StoredObject> {
    const { prefix: before } = this.settings;
    for (let token = ''; ; ) {
      const page = await this.ask(prefix, (client, bucket) => client.listObjectsV2Query(bucket, this.nameOf(prefix), token, '', 1000, ''));
      for (const item of page.objects) {
        if (item.name?.startsWith(before) === true) yield { key: item.name.slice(before.length), lengthBytes: item.size };
      }
      if (!page.isTruncated || page.nextContinuationToken === '') return;
      token = page.nextContinuationToken;
    }
  }

  async #delete(key: string): Promise<void> {
    const name = this.nameOf(key);
    if (!(await this.versioned())) {
      await this.ask(key, (client, bucket) => client.removeObject(bucket, name));
      return;
    }
    // Without a version a deletion would only hide the object, and be charged for it as before.
    for (const versionId of await this.ask(key, (client, bucket) => versionsOf(client, bucket, name))) {
      try {
        await this.ask(key, (client, bucket) => client.removeObject(bucket, name, { versionId }));
      } catch (error) {
        // A lock and a missing permission are refused with the same words.
        if (isDenied(error) && (await this.lock()) !== undefined) throw new Fault('OBJECT_LOCKED', { subject: key, found: error.found ?? 'a refusal', cause: error });
        throw error;
      }
    }
  }
}

/** Once switched on it is only ever suspended: what it kept is still there. `Status` is missing where it never was. */
export function keepsVersions({ Status }: { readonly Status?: string }): boolean {
  return Status === 'Enabled' || Status === 'Suspended';
}

/** Of one object, deletion markers too; one page: nothing of ours is written twice. */
async function versionsOf(client: SigningClient, bucket: string, name: string): Promise<string[]> {
  const { objects } = await client.listObjectsQuery(bucket, name, '', { Delimiter: '', MaxKeys: 1000, IncludeVersion: true });
  return objects.flatMap((item) => ('versionId' in item && item.name === name && typeof item.versionId === 'string' ? [item.versionId] : []));
}
