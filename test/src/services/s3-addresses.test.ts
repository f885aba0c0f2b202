import { deepEqual, equal, match, ok } from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { connect, createServer, type AddressInfo, type Server, type Socket } from 'node:net';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import { createServer as createTlsServer } from 'node:tls';
import { s3SettingsOf } from '@godwit/api';
import { commitOf, createDesktop, dropSharedCluster, enrol, raiseStage, uploadPack } from '@godwit/api/testing';
import { run } from '../docs/programs.ts';
import { coordinatorProgram } from '../house/house.ts';
import { startCeph, type Ceph } from './ceph.ts';

/** Another door to the gateway, on a port of its own; with `tls` behind a certificate. */
class Door implements AsyncDisposable {
  opened = 0;
  readonly #server: Server;
  readonly #sockets = new Set<Socket>();

  private constructor(gateway: URL, tls: { readonly cert: Buffer; readonly key: Buffer } | undefined) {
    const pass = (near: Socket): void => {
      this.opened += 1;
      const far = connect(Number(gateway.port), gateway.hostname);
      for (const socket of [near, far]) {
        this.#sockets.add(socket);
        socket.on('error', () => undefined);
        socket.once('close', () => {
          this.#sockets.delete(socket);
          near.destroy();
          far.destroy();
        });
      }
      near.pipe(far).pipe(near);
    };
    this.#server = tls === undefined ? createServer(pass) : createTlsServer(tls, pass);
    // A client that does not trust it ends its handshake.
    this.#server.on('tlsClientError', () => undefined);
  }

  static async open(endpoint: string, tls?: { readonly cert: Buffer; readonly key: Buffer }): Promise<Door> {
    const door = new Door(new URL(endpoint), tls);
    await new Promise<void>((resolve) => door.#server.listen(0, '127.0.0.1', resolve));
    return door;
  }

  get port(): number {
    return (this.#server.address() as AddressInfo).port;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    const closed = new Promise((resolve) => this.#server.close(resolve));
    for (const socket of this.#sockets) socket.destroy();
    await closed;
  }
}

/** A bucket at other addresses than that of its gateway, as a coordinator in a private network has it. */
describe('a bucket', { timeout: 120_000 }, () => {
  let ceph: Ceph;
  let directory: string;

  before(async () => {
    directory = mkdtempSync('/tmp/godwit-ca-');
    ceph = await startCeph();
    for (const bucket of ['public', 'trusted']) await ceph.client.makeBucket(bucket);
  });
  after(async () => {
    await ceph[Symbol.asyncDispose]();
    rmSync(directory, { recursive: true });
    await dropSharedCluster();
  });

  test('with S3_PUBLIC_ENDPOINT: hosts go there, the coordinator does not', async () => {
    await using door = await Door.open(ceph.endpoint);
    const origin = `http://localhost:${door.port}`;
    await using stage = await raiseStage({ s3: s3SettingsOf({ ...ceph.environmentOf('public'), S3_PUBLIC_ENDPOINT: origin }) });
    const { client } = await enrol(stage.coordinator);
    const desktopId = await createDesktop(client);
    deepEqual([door.opened], [0], 'the coordinator has looked at its bucket already');
    const pack = await uploadPack(client, stage.coordinator, desktopId, 1, 1_000);
    ok(door.opened > 0, 'the host put it by that door');
    await door[Symbol.asyncDispose]();
    // Only now: the coordinator asks for the object by its own way.
    await client.ask('commitCheckpoint', { params: { desktopId }, body: commitOf(client, { desktopId, epoch: 1, sequence: 1, packs: [pack] }) });
    const { urls } = await client.ask('mintUrls', { params: { desktopId }, body: { operation: 'get', objects: [{ key: pack.key }] } });
    equal(new URL(urls[0]!.url).origin, origin);
  });

  test('with S3_CA: a certificate of that authority is trusted, and without it is not', async () => {
    const [cert, key] = ['cert.pem', 'key.pem'].map((name) => join(directory, name)) as [string, string];
    const words = ['req', '-x509', '-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:prime256v1', '-nodes', '-days', '2', '-subj', '/CN=a gateway of its own', '-addext', 'subjectAltName=IP:127.0.0.1', '-keyout', key, '-out', cert];
    execFileSync('openssl', words, { stdio: 'ignore' });
    await using door = await Door.open(ceph.endpoint, { cert: readFileSync(cert), key: readFileSync(key) });
    const check = (more: Record<string, string>) => run(process.execPath, [coordinatorProgram, 'store', 'check'], { environment: { ...ceph.environmentOf('trusted'), S3_ENDPOINT: `https://127.0.0.1:${door.port}`, ...more } });
    const trusted = await check({ S3_CA: cert });
    match(trusted.stdout, /verdict: it does all that Godwit needs\n$/);
    deepEqual([trusted.exitCode, trusted.stderr], [0, '']);
    const strange = await check({});
    equal(strange.exitCode, 1);
    match(strange.stdout + strange.stderr, /certificate|SELF_SIGNED/i);
    const missing = await check({ S3_CA: join(directory, 'none.pem') });
    match(missing.stderr, /COORDINATOR_OPTIONS/);
    match(missing.stderr, /S3_CA/);
  });
});
