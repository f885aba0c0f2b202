import { execFile, spawn, type ChildProcess } from 'node:child_process';
import { randomUUID } from 'node:crypto';
import { once } from 'node:events';
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { Client } from 'minio';
import { cephConfig } from './ceph-config.ts';
import { freePort } from './redis.ts';

const run = promisify(execFile);

export interface S3Keys {
  readonly accessKey: string;
  readonly secretKey: string;
}

/** A real S3, Ceph's gateway, with one monitor and one store in memory, of one test's own. */
export interface Ceph extends AsyncDisposable {
  readonly endpoint: string;
  /** Of the user whom all buckets belong to. */
  readonly keys: S3Keys;
  /** A client of that user, to arrange things behind the coordinator's back. */
  readonly client: Client;
  /** What a coordinator needs in its environment for this bucket. */
  environmentOf(bucket: string, keys?: S3Keys): Record<string, string>;
  /** Another user, without any right yet. */
  addUser(name: string): Promise<S3Keys & { readonly arn: string }>;
  /** The gateway goes away, as in a power cut; what was stored stays. */
  killGateway(): Promise<void>;
  /** Again, on the same port. */
  startGateway(): Promise<void>;
}

/** Of Ceph's zone without a name of its own. */
const region = 'default';
const startTries = 5;
const readyMs = 60_000;

export async function startCeph(): Promise<Ceph> {
  for (let tries = 1; ; tries += 1) {
    const ceph = new PrivateCeph(await freePort(), await freePort());
    try {
      await ceph.start();
      return ceph;
    } catch (error) {
      await ceph[Symbol.asyncDispose]();
      // Somebody else took a port in between.
      if (tries === startTries) throw error;
    }
  }
}

/** From now on each object that comes into the bucket, which was made for it. */
export async function lockForOneDay(client: Client, bucket: string): Promise<void> {
  // Its declared type is that of its older form, with a callback.
  const set = client.setObjectLockConfig.bind(client) as (bucket: string, config: Record<string, unknown>) => Promise<void>;
  await set(bucket, { mode: 'COMPLIANCE', unit: 'Days', validity: 1 });
}

class PrivateCeph implements Ceph {
  readonly endpoint: string;
  readonly keys: S3Keys = { accessKey: 'AKIDGODWIT', secretKey: 'secret-of-the-owner' };
  readonly client: Client;
  readonly #directory = mkdtempSync('/tmp/godwit-s3-');
  readonly #monitorPort: number;
  readonly #gatewayPort: number;
  readonly #daemons: ChildProcess[] = [];
  #gateway: ChildProcess | undefined;

  constructor(monitorPort: number, gatewayPort: number) {
    [this.#monitorPort, this.#gatewayPort] = [monitorPort, gatewayPort];
    this.endpoint = `http://127.0.0.1:${gatewayPort}`;
    this.client = new Client({ endPoint: '127.0.0.1', port: gatewayPort, useSSL: false, region, ...this.keys });
  }

  environmentOf(bucket: string, keys: S3Keys = this.keys): Record<string, string> {
    return { S3_BUCKET: bucket, S3_ENDPOINT: this.endpoint, S3_REGION: region, S3_ACCESS_KEY_ID: keys.accessKey, S3_SECRET_ACCESS_KEY: keys.secretKey };
  }

  /** The order in which each waits for the one before, without a pause in between. */
  async start(): Promise<void> {
    const directory = this.#directory;
    const [cluster, store] = [randomUUID(), randomUUID()];
    for (const folder of ['mon', 'osd', 'run']) mkdirSync(join(directory, folder));
    writeFileSync(join(directory, 'keyring'), '');
    writeFileSync(join(directory, 'ceph.conf'), cephConfig({ directory, cluster, monitorPort: this.#monitorPort, gatewayPort: this.#gatewayPort }));
    const monitors = join(directory, 'monmap');
    await this.#run('monmaptool', '--create', '--fsid', cluster, '--addv', 'a', `[v2:127.0.0.1:${this.#monitorPort}]`, monitors);
    await this.#run('ceph-mon', '--mkfs', '-i', 'a', '--monmap', monitors);
    this.#daemons.push(this.#spawn('ceph-mon', '-f', '-i', 'a'));
    await this.#run('ceph', 'osd', 'new', store);
    await this.#run('ceph-osd', '-i', '0', '--mkfs', '--osd-uuid', store);
    this.#daemons.push(this.#spawn('ceph-osd', '-f', '-i', '0'));
    await this.#addUser('godwit', this.keys);
    await this.startGateway();
  }

  async startGateway(): Promise<void> {
    const gateway = this.#spawn('radosgw', '-f', '-n', 'client.rgw');
    this.#gateway = gateway;
    const deadline = AbortSignal.timeout(readyMs);
    while (!(await this.#answers())) {
      if (deadline.aborted || gateway.exitCode !== null) throw new Error(`no gateway at ${this.endpoint}`);
      await new Promise((resolve) => setTimeout(resolve, 20));
    }
  }

  async killGateway(): Promise<void> {
    if (this.#gateway !== undefined) await end(this.#gateway);
    this.#gateway = undefined;
  }

  async addUser(name: string): Promise<S3Keys & { readonly arn: string }> {
    const keys = { accessKey: `AKID${name.toUpperCase()}`, secretKey: `secret-of-${name}` };
    await this.#addUser(name, keys);
    return { ...keys, arn: `arn:aws:iam:::user/${name}` };
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.killGateway();
    for (const daemon of this.#daemons.reverse()) await end(daemon);
    rmSync(this.#directory, { recursive: true, force: true });
  }

  async #addUser(name: string, { accessKey, secretKey }: S3Keys): Promise<void> {
    await this.#run('radosgw-admin', '-n', 'client.rgw', 'user', 'create', '--uid', name, '--display-name', name, '--access-key', accessKey, '--secret-key', secretKey);
  }

  async #answers(): Promise<boolean> {
    return await fetch(this.endpoint, { signal: AbortSignal.timeout(2_000) }).then(({ ok }) => ok, () => false);
  }

  async #run(program: string, ...words: readonly string[]): Promise<void> {
    await run(program, ['-c', join(this.#directory, 'ceph.conf'), ...words], { timeout: readyMs });
  }

  #spawn(program: string, ...words: readonly string[]): ChildProcess {
    // Tied to this process: a test that is killed leaves none behind.
    return spawn('setpriv', ['--pdeathsig', 'KILL', program, '-c', join(this.#directory, 'ceph.conf'), ...words], { stdio: 'ignore' });
  }
}

/** Nothing has to be kept: what it stored is in memory. */
async function end(child: ChildProcess): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return;
  const gone = once(child, 'exit');
  child.kill('SIGKILL');
  await gone;
}
