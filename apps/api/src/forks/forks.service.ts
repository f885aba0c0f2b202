import { Inject, Injectable } from '@nestjs/common';
import { Fault, type DesktopId } from '@godwit/base';
import { sha256, verify } from '@godwit/crypto';
import { manifestKeyOf, splitManifest, type ManifestPublic } from '@godwit/snapshot';
import { bytesOf, type BodyOf, type Desktop, type Routes } from '@godwit/wire';
import { inTransaction, reached, type Database, type Trx } from '../database/database.ts';
import { DesktopsService } from '../desktops/desktops.service.ts';
import type { Caller } from '../http/caller.ts';
import { readLease } from '../leases/lease.transitions.ts';
import { CoordinatorStore } from '../objects/coordinator-store.ts';
import { recordObject } from '../objects/objects.repository.ts';
import { databaseToken } from '../tokens.ts';
import { forkDesktop } from './fork.transition.ts';

type ForkBody = BodyOf<Routes['forkDesktop']>;

@Injectable()
export class ForksService {
  readonly #db: Database;
  readonly #desktops: DesktopsService;
  readonly #objects: CoordinatorStore;

  constructor(@Inject(databaseToken) db: Database, @Inject(DesktopsService) desktops: DesktopsService, @Inject(CoordinatorStore) objects: CoordinatorStore) {
    this.#db = db;
    this.#desktops = desktops;
    this.#objects = objects;
  }

  async fork(caller: Caller, from: DesktopId, body: ForkBody): Promise<Desktop> {
    const { accountId } = caller;
    await reached(() => readLease(this.#db, accountId, from));
    const bytes = bytesOf(body.manifest);
    const { public: manifest, signed, signature } = splitManifest(bytes);
    requireOwn(manifest, caller, body);
    verify('manifest', signed, signature, caller.signPublic);
    const commit = { desktopId: body.desktopId, commitId: body.commitId, epoch: 1, release: true, digest: sha256(bytes), bytes, manifest };
    const replaces = body.replaces === null ? null : { keepAs: body.replaces.keepAs, expectedHead: bytesOf(body.replaces.expectedHeadDigest).toString('hex') };
    const made = await inTransaction(this.#db, (trx) =>
      forkDesktop(trx, caller, { from, name: body.name, wrappedKey: body.wrappedKey, commit, replaces }, (inner) => this.#store(inner, caller, manifest, bytes, commit.digest)),
    );
    if (made) for (const desktopId of [body.desktopId, from]) await this.#desktops.announce(accountId, desktopId);
    return this.#desktops.read(caller, body.desktopId);
  }

  /** The desktop has no holder who could put it, and no epoch to come in which somebody might. */
  async #store(trx: Trx, { accountId }: Caller, manifest: ManifestPublic, bytes: Buffer, digest: Buffer): Promise<void> {
    const key = manifestKeyOf(manifest);
    await this.#objects.put(accountId, key, bytes, digest);
    await recordObject(trx, accountId, key, { lengthBytes: bytes.length, sha256: digest });
  }
}

function requireOwn(manifest: ManifestPublic, { hostId }: Caller, { desktopId, commitId }: ForkBody): void {
  const own = manifest.desktopId === desktopId && manifest.hostId === hostId && manifest.commitId === commitId;
  if (!own) throw new Fault('FORK_REFUSED', { expected: `a manifest of desktop ${desktopId}, host ${hostId}, commit ${commitId}`, found: `desktop ${manifest.desktopId}, host ${manifest.hostId}, commit ${manifest.commitId}` });
}
