import { setTimeout as after } from 'node:timers/promises';
import { Fault, type Clock, type Random } from '@godwit/base';
import { sha256 } from '@godwit/crypto';
import { urlLifeMs } from '@godwit/wire';
import { keepsVersions, type Bucket } from './bucket.ts';
import { codeOf } from './bucket-faults.ts';
import { lifecycleFinding } from './lifecycle.ts';

/** What one look at a bucket found. `hint`: the next step, where it is not as it should be. */
export interface Finding {
  readonly good: boolean;
  readonly found: string;
  readonly hint?: string;
}

export interface Check {
  readonly name: string;
  /** What is looked for. */
  readonly title: string;
  /** Without it Godwit loses data or cannot work; else it is only worse off. */
  readonly needed: boolean;
  readonly look: (probe: Probe) => Promise<Finding>;
}

const lookMs = 20_000;
const writers = 8;
const folderPrefix = 'check-';
const timeDigits = 15;
/** Far longer than a round of checks. */
const oldMs = 3_600_000;
const clearedMax = 200;
/** Half of a URL's life: the other half is for the way. */
const skewMsMax = urlLifeMs / 2;

const good = (found: string): Finding => ({ good: true, found });
const bad = (found: string, hint: string): Finding => ({ good: false, found, hint });

/** A corner of the bucket with names of its own, for one round of checks. */
export class Probe {
  readonly bucket: Bucket;
  readonly clock: Clock;
  readonly folder: string;
  readonly random: Random;

  constructor(bucket: Bucket, clock: Clock, random: Random) {
    [this.bucket, this.clock, this.random] = [bucket, clock, random];
    this.folder = `${folderPrefix}${String(clock.wallMs()).padStart(timeDigits, '0')}-${random(8).toString('hex')}`;
  }

  key(name: string): string {
    return `${this.folder}/o-${name}`;
  }

  /** As a host puts an object: the answer's status, and its clock. `claimed`: the bytes that its URL is for. */
  put(name: string, bytes: Buffer, claimed = bytes, lateMs = 0): Promise<Heard> {
    const { url, headers = {} } = this.bucket.signPut(this.key(name), sha256(claimed), this.clock.wallMs() - lateMs + urlLifeMs, true);
    return hear(url, { method: 'PUT', headers, body: new Uint8Array(bytes) });
  }

  get(name: string, headers: Record<string, string> = {}, change: (url: string) => string = (url) => url): Promise<Heard> {
    return hear(change(this.bucket.signGet(this.key(name), this.clock.wallMs() + urlLifeMs, true).url), { headers });
  }

  /** Removes what it left, and what earlier ones had to leave: a lock may keep it for a while. Nothing of one that may be under way. */
  async clear(): Promise<void> {
    const left: string[] = [];
    for await (const { key } of this.bucket.objects.list(folderPrefix)) {
      const begunMs = Number(key.slice(folderPrefix.length, folderPrefix.length + timeDigits));
      if (key.startsWith(`${this.folder}/`) || begunMs < this.clock.wallMs() - oldMs) left.push(key);
      if (left.length === clearedMax) break;
    }
    // What a lock keeps is a later one's to remove; what may not be deleted at all was told by the check on that.
    for (const key of left) await this.bucket.objects.delete(key).catch(() => undefined);
  }
}

interface Heard {
  readonly status: number;
  readonly body: Buffer;
  /** Undefined where the answer has no clock. */
  readonly dateMs: number | undefined;
}

async function hear(url: string, request: RequestInit): Promise<Heard> {
  try {
    const answer = await fetch(url, { ...request, redirect: 'manual', signal: AbortSignal.timeout(lookMs) });
    const dateMs = Date.parse(answer.headers.get('date') ?? '');
    return { status: answer.status, body: Buffer.from(await answer.arrayBuffer()), dateMs: Number.isNaN(dateMs) ? undefined : dateMs };
  } catch (error) {
    throw new Fault('STORE_UNAVAILABLE', { found: error instanceof Error && error.cause instanceof Error ? error.cause.message : String(error), cause: error });
  }
}

const sample = Buffer.from(Array.from({ length: 5_000 }, (_, at) => at % 251));
const other = Buffer.alloc(sample.length, 7);

/** In this order: the first that fails is often the reason for the next. */
export const checks: readonly Check[] = [
  { name: 'list', title: 'the keys are good, and names can be listed', needed: true, look: async (probe) => (await namesOf(probe), good('an answer')) },
  { name: 'put', title: 'an object is stored by a signed URL', needed: true, look: put },
  { name: 'read', title: 'it is there at once, whole, and in the listing', needed: true, look: read },
  { name: 'ranges', title: 'any part of it can be read by itself', needed: true, look: ranges },
  { name: 'missing', title: 'what is not there is answered with 404', needed: true, look: missing },
  { name: 'digest', title: 'other bytes than the URL is for are refused', needed: true, look: digest },
  { name: 'once', title: 'a name that is taken is refused, also to several at once', needed: false, look: once },
  { name: 'strangers', title: 'nobody reads without a signature', needed: true, look: strangers },
  { name: 'expiry', title: 'a URL ends when it says so', needed: true, look: expiry },
  { name: 'clock', title: "the store's clock and this one agree", needed: true, look: clockOf },
  { name: 'delete', title: 'an object can be deleted', needed: true, look: remove },
  { name: 'versions', title: 'a deletion frees the room', needed: false, look: versions },
  { name: 'lock', title: 'locks on objects are known', needed: false, look: lock },
  { name: 'uploads', title: 'unfinished uploads can be seen and ended', needed: false, look: uploads },
  { name: 'lifecycle', title: 'no rule of the bucket deletes or moves away what is needed', needed: true, look: lifecycle },
];

async function namesOf(probe: Probe): Promise<string[]> {
  const names: string[] = [];
  for await (const { key } of probe.bucket.objects.list(`${probe.folder}/`)) names.push(key);
  return names;
}

async function put(probe: Probe): Promise<Finding> {
  const { status, body } = await probe.put('1', sample);
  if (status === 200) return good('stored');
  const code = codeIn(body);
  if (code === 'SignatureDoesNotMatch' && probe.bucket.settings.signBody) return bad(`status ${status} ${code}`, 'mend S3_SECRET_ACCESS_KEY, S3_REGION and S3_ENDPOINT; where they are right, try S3_SIGN_BODY=false');
  return bad(`status ${status} ${code}`, 'allow s3:PutObject, with conditional writes (If-None-Match)');
}

async function read(probe: Probe): Promise<Finding> {
  const { status, body } = await probe.get('1');
  if (status !== 200 || !body.equals(sample)) return bad(`status ${status}, ${body.length} bytes`, 'allow s3:GetObject; a store that shows an object only later is not one for Godwit');
  return (await namesOf(probe)).includes(probe.key('1')) ? good('the same bytes') : bad('an object that is not listed', 'a store that lists an object only later is not one for Godwit');
}

async function ranges(probe: Probe): Promise<Finding> {
  for (const [first, last] of [[0, 0], [100, 1_099], [4_999, 4_999]] as const) {
    const { status, body } = await probe.get('1', { range: `bytes=${first}-${last}` });
    if (status !== 206 || !body.equals(sample.subarray(first, last + 1))) return bad(`status ${status} and ${body.length} bytes for bytes ${first} to ${last}`, 'a desktop is fetched in ranges: use a store, or a proxy before it, that serves them');
  }
  const beyond = await probe.get('1', { range: 'bytes=5000-5099' });
  return beyond.status === 416 ? good('206, and 416 beyond the end') : bad(`status ${beyond.status} beyond the end`, 'use a store, or a proxy before it, that serves ranges');
}

async function missing(probe: Probe): Promise<Finding> {
  const { status } = await probe.get('never');
  if (status === 404) return good('404');
  return bad(`status ${status}`, status === 403 ? 'allow s3:ListBucket: without it a store hides what is missing' : 'use a store that answers 404');
}

/** The second of two fences: the first is that all URLs for one name are for the same bytes, which `digest` holds the store to. */
async function once(probe: Probe): Promise<Finding> {
  const hint = 'nothing is lost while `digest` is ok; a store that honours If-None-Match: * for PUT is a second fence (Ceph does not where a bucket keeps versions)';
  const { status } = await probe.put('1', other);
  if (status !== 412 && status !== 409) return bad(`status ${status} for a second object of one name`, hint);
  const results = await Promise.all(Array.from({ length: writers }, (_, at) => probe.put('race', Buffer.alloc(100, at))));
  const winners = results.filter((each) => each.status === 200).length;
  return winners === 1 ? good(`status ${status}, and one winner of ${writers}`) : bad(`${winners} winners of ${writers}`, hint);
}

async function digest(probe: Probe): Promise<Finding> {
  const { status } = await probe.put('damaged', other, sample);
  if (status >= 400 && status < 500) return good(`status ${status}`);
  return bad(`status ${status}`, probe.bucket.settings.signBody ? 'the store ignores the digest of what it is given: damage on the way would show only when a desktop is read' : 'the store ignores checksums: leave S3_SIGN_BODY at true');
}

async function strangers(probe: Probe): Promise<Finding> {
  const { status } = await probe.get('1', {}, (url) => url.replace(/\?.*$/, ''));
  return status === 401 || status === 403 ? good(`status ${status}`) : bad(`status ${status} without a signature`, 'the bucket is open to everybody: take its public policy or ACL away');
}

async function expiry(probe: Probe): Promise<Finding> {
  const { status } = await probe.put('late', sample, sample, 2 * urlLifeMs);
  return status === 401 || status === 403 ? good(`status ${status}`) : bad(`status ${status} for a URL of yesterday`, 'a revoked host would keep its URLs: use a store that ends them');
}

async function clockOf(probe: Probe): Promise<Finding> {
  const beforeMs = probe.clock.wallMs();
  const { dateMs } = await probe.get('1', { range: 'bytes=0-0' });
  const afterMs = probe.clock.wallMs();
  if (dateMs === undefined) return good('no clock in its answers');
  // A Date has whole seconds, and lies somewhere in the time that the answer took.
  const skewMs = dateMs > afterMs ? dateMs - afterMs : Math.min(0, dateMs + 1_000 - beforeMs);
  const found = `${Math.abs(Math.round(skewMs / 1000))} s apart`;
  return Math.abs(skewMs) <= skewMsMax ? good(found) : bad(found, 'URLs live for 60 seconds: set both clocks by NTP');
}

async function remove(probe: Probe): Promise<Finding> {
  await probe.put('gone', sample);
  try {
    await probe.bucket.objects.delete(probe.key('gone'));
  } catch (error) {
    if (error instanceof Fault && error.code === 'OBJECT_LOCKED') return good('its lock keeps it, as the bucket wants it');
    throw error;
  }
  const { status } = await probe.get('gone');
  return status === 404 ? good('gone') : bad(`status ${status} afterwards`, 'allow s3:DeleteObject');
}

async function versions(probe: Probe): Promise<Finding> {
  const keeps = keepsVersions(await probe.bucket.ask('', (client, bucket) => client.getBucketVersioning(bucket)));
  return good(keeps ? 'the bucket keeps versions: each is deleted by itself' : 'the bucket keeps no versions');
}

async function lock(probe: Probe): Promise<Finding> {
  const found = await probe.bucket.lock();
  if (found === undefined) return good('none');
  const { mode, validity = 0, unit = 'days' } = found;
  return good(mode === undefined ? 'the bucket may lock objects, and does not by itself' : `${mode.toLowerCase()}, ${validity} ${unit.toLowerCase()} for each object: prune deletes it after that`);
}

async function uploads(probe: Probe): Promise<Finding> {
  const name = probe.bucket.nameOf(probe.key('parts'));
  const open = () => probe.bucket.ask('', async (client, bucket) => (await client.listIncompleteUploadsQuery(bucket, name, '', '', '')).uploads.length);
  const uploadId = await probe.bucket.ask('', (client, bucket) => client.initiateNewMultipartUpload(bucket, name, {}));
  const before = await open();
  await probe.bucket.ask('', (client, bucket) => client.abortMultipartUpload(bucket, name, uploadId));
  for (let attempt = 0; attempt < 5 && (await open()) > 0; attempt += 1) await after(200);
  return before === 1 && (await open()) === 0 ? good('begun, seen, ended; Godwit itself makes none') : bad(`${before} seen`, 'other tools on this bucket may leave parts that cost: have a lifecycle rule end them (AbortIncompleteMultipartUpload)');
}

async function lifecycle(probe: Probe): Promise<Finding> {
  const rules = await probe.bucket.ask('', (client, bucket) => client.getBucketLifecycle(bucket)).catch((error: unknown) => {
    if (codeOf(error) === 'NoSuchLifecycleConfiguration') return null;
    throw error;
  });
  return lifecycleFinding(rules, probe.bucket.settings.prefix);
}

function codeIn(body: Buffer): string {
  return /<Code>([A-Za-z0-9]{1,64})<\/Code>/.exec(body.toString('latin1', 0, 4_096))?.[1] ?? '';
}
