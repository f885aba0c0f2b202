import { Inject, Injectable } from '@nestjs/common';
import { Fault, type DesktopId } from '@godwit/base';
import { sha256, verify } from '@godwit/crypto';
import { manifestKeyOf, packKeyOf, splitManifest, type ManifestPublic } from '@godwit/snapshot';
import { bytesOf, textOf, type AnswerOf, type BodyOf, type Checkpoint, type Routes } from '@godwit/wire';
import { AuditLog } from '../audit/audit-log.ts';
import { inTransaction, reached, type Database } from '../database/database.ts';
import { readCheckpoints, readManifest } from '../desktops/desktop-view.ts';
import { DesktopsService } from '../desktops/desktops.service.ts';
import type { Caller } from '../http/caller.ts';
import { readLease } from '../leases/lease.transitions.ts';
import { ObjectsService } from '../objects/objects.service.ts';
import { databaseToken } from '../tokens.ts';
import { commitCheckpoint } from './commit.transition.ts';

@Injectable()
export class CheckpointsService {
  readonly #db: Database;
  readonly #desktops: DesktopsService;
  readonly #objects: ObjectsService;
  readonly #auditLog: AuditLog;

  constructor(@Inject(databaseToken) db: Database, @Inject(DesktopsService) desktops: DesktopsService, @Inject(ObjectsService) objects: ObjectsService, @Inject(AuditLog) auditLog: AuditLog) {
    this.#db = db;
    this.#objects = objects;
    this.#desktops = desktops;
    this.#auditLog = auditLog;
  }

  async commit(caller: Caller, desktopId: DesktopId, body: BodyOf<Routes['commitCheckpoint']>): Promise<AnswerOf<Routes['commitCheckpoint']>> {
    // Before anything is said about the manifest: a foreign desktop is not there, whatever is sent to it.
    await reached(() => readLease(this.#db, caller.accountId, desktopId));
    const bytes = bytesOf(body.manifest);
    const parts = splitManifest(bytes);
    requireOwn(parts.public, caller, desktopId, body);
    verify('manifest', parts.signed, parts.signature, caller.signPublic);
    const { commitId, epoch, release } = body;
    const [digest, witness] = [sha256(bytes), bytesOf(body.witness)];
    await this.#auditLog.checkWitness(witness, { ...caller, digest });
    await this.#objects.look(caller.accountId, [manifestKeyOf(parts.public), ...parts.public.packs.map(packKeyOf)]);
    const commit = { desktopId, commitId, epoch, release, digest, bytes, manifest: parts.public, witness };
    const committed = await inTransaction(this.#db, (trx) => commitCheckpoint(trx, caller, commit));
    if (committed.changed) await this.#desktops.announce(caller.accountId, desktopId);
    return { sequence: committed.sequence, digest: textOf(committed.digest), acknowledgedMs: committed.acknowledged.getTime(), released: committed.released };
  }

  async list({ accountId }: Caller, desktopId: DesktopId, before: number): Promise<Checkpoint[]> {
    await reached(() => readLease(this.#db, accountId, desktopId));
    return reached(() => readCheckpoints(this.#db, accountId, desktopId, before));
  }

  async manifest({ accountId }: Caller, desktopId: DesktopId, sequence: number): Promise<AnswerOf<Routes['readManifest']>> {
    await reached(() => readLease(this.#db, accountId, desktopId));
    const found = await reached(() => readManifest(this.#db, accountId, desktopId, sequence));
    if (found === undefined) throw new Fault('CHECKPOINT_NOT_FOUND', { found: `no sequence ${sequence}` });
    return found;
  }
}

/** The manifest says of itself what the request says of it. */
function requireOwn(manifest: ManifestPublic, caller: Caller, desktopId: DesktopId, body: BodyOf<Routes['commitCheckpoint']>): void {
  const claims: readonly (readonly [string, string | number, string | number])[] = [
    ['desktop', desktopId, manifest.desktopId],
    ['host', caller.hostId, manifest.hostId],
    ['epoch', body.epoch, manifest.epoch],
    ['commit', body.commitId, manifest.commitId],
  ];
  for (const [what, expected, found] of claims) {
    if (expected !== found) throw new Fault('COMMIT_REFUSED', { expected: `a manifest of ${what} ${expected}`, found: `${found}` });
  }
}
