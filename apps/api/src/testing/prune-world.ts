import { sql } from 'kysely';
import { newId, silentLog, systemRandom, type AccountId, type DesktopId } from '@godwit/base';
import { manifestObjectKey, signPolicy, type Retention } from '@godwit/snapshot';
import { textOf } from '@godwit/wire';
import { openDatabase, type Database } from '../database/database.ts';
import type { CoordinatorStore } from '../objects/coordinator-store.ts';
import { Collector, type Eraser } from '../prune/collector.ts';
import { newDatabaseUrl } from './shared-cluster.ts';
import { commitOf, createDesktop, enrol, raiseStage, uploadPack, type Draft, type Person, type Stage, type UploadedPack } from './stage.ts';

export const hourMs = 3_600_000;
type Head = NonNullable<Draft['parent']> & { readonly packs: readonly UploadedPack[] };

/** Desktops whose first manifest the coordinator stored itself. */
const forks = new Set<DesktopId>();

/** One desktop as its host sees it: checkpoints go in, each with its manifest in the store as an agent puts it there. */
export class Line {
  readonly desktopId: DesktopId;
  epoch = 1;
  held = true;
  readonly checkpoints = new Map<number, Head>();
  readonly #world: World;

  constructor(world: World, desktopId: DesktopId) {
    this.#world = world;
    this.desktopId = desktopId;
  }

  /** As it is now, whatever is pruned later. */
  copy(): Line {
    const copy = new Line(this.#world, this.desktopId);
    for (const [sequence, head] of this.checkpoints) copy.checkpoints.set(sequence, head);
    return copy;
  }

  get head(): Head | undefined {
    return [...this.checkpoints.values()].at(-1);
  }

  upload(lengthBytes = 300): Promise<UploadedPack> {
    return uploadPack(this.#world.person.client, this.#world.stage.coordinator, this.desktopId, this.epoch, lengthBytes);
  }

  async commit(packs: readonly UploadedPack[], release = false): Promise<Head> {
    const parent = this.head;
    const draft = { desktopId: this.desktopId, epoch: this.epoch, sequence: (parent?.sequence ?? 0) + 1, packs, release, ...(parent === undefined ? {} : { parent }) };
    const body = commitOf(this.#world.person.client, draft);
    const { digest } = await this.#world.person.client.ask('commitCheckpoint', { params: { desktopId: this.desktopId }, body });
    const head = { digest, commitId: body.commitId, epoch: this.epoch, sequence: draft.sequence, packs };
    this.checkpoints.set(head.sequence, head);
    if (release) this.held = false;
    return head;
  }

  async release(): Promise<void> {
    await this.#world.person.client.ask('releaseDesktop', { params: { desktopId: this.desktopId }, body: { epoch: this.epoch } });
    this.held = false;
  }

  async acquire(): Promise<void> {
    ({ epoch: this.epoch } = await this.#world.person.client.ask('acquireDesktop', { params: { desktopId: this.desktopId }, body: {} }));
    this.held = true;
  }

  async prune(retention: Partial<Retention> | null, dryRun = false) {
    const { client } = this.#world.person;
    const policy = retention === null ? null : textOf(signPolicy({ last: 0, hourly: 0, daily: 0, ...retention, desktopId: this.desktopId, signedMs: (this.#world.signedMs += 1) }, client.device));
    const answer = await client.ask('pruneDesktop', { params: { desktopId: this.desktopId }, body: { policy, dryRun } });
    if (!dryRun) for (const sequence of answer.dropped) this.checkpoints.delete(sequence);
    return answer;
  }
}

/** A coordinator, one person, and a hand in the database that turns its clock. */
export class World implements AsyncDisposable {
  signedMs = 1_750_000_000_000;

  readonly stage: Stage;
  readonly person: Person;
  readonly db: Database;

  private constructor(stage: Stage, person: Person, db: Database) {
    this.stage = stage;
    this.person = person;
    this.db = db;
  }

  static async raise(): Promise<World> {
    const databaseUrl = await newDatabaseUrl();
    const stage = await raiseStage({ databaseUrl, upkeep: { graceMs: hourMs, everyMs: hourMs } });
    return new World(stage, await enrol(stage.coordinator), openDatabase({ url: databaseUrl }, silentLog));
  }

  get accountId(): AccountId {
    return this.person.accountId;
  }

  async line(): Promise<Line> {
    return new Line(this, await createDesktop(this.person.client));
  }

  async fork(line: Line, sequence: number, replaces: { name: string; keepAs: string; expectedHeadDigest: string } | null = null): Promise<Line> {
    const from = line.checkpoints.get(sequence)!;
    const desktopId = newId<DesktopId>(systemRandom);
    const { commitId, manifest } = commitOf(this.person.client, { desktopId, epoch: 1, sequence: 1, forkedFrom: { ...from, desktopId: line.desktopId }, packs: from.packs });
    const name = replaces?.name ?? `fork-${systemRandom(4).toString('hex')}`;
    const swap = replaces === null ? null : { keepAs: replaces.keepAs, expectedHeadDigest: replaces.expectedHeadDigest };
    const made = await this.person.client.ask('forkDesktop', { params: { desktopId: line.desktopId }, body: { desktopId, name, wrappedKey: { generation: 1, bytes: textOf(systemRandom(82)) }, commitId, manifest, replaces: swap } });
    const fork = new Line(this, desktopId);
    forks.add(desktopId);
    fork.held = false;
    fork.checkpoints.set(1, { digest: made.head!.digest, commitId, epoch: 1, sequence: 1, packs: from.packs });
    return fork;
  }

  /** Everything that is on record happened so much earlier. */
  async pass(ms: number): Promise<void> {
    const step = sql`make_interval(secs => ${ms / 1000})`;
    await sql`update objects set stored_at = stored_at - ${step}, condemned_at = condemned_at - ${step}, refused_at = refused_at - ${step}`.execute(this.db);
    await sql`update checkpoints set dropped_at = dropped_at - ${step}`.execute(this.db);
  }

  collector(eraser: Eraser = this.store, batchObjects?: number): Collector {
    return new Collector({ db: this.db, eraser, graceMs: hourMs, retryMs: hourMs, log: silentLog, ...(batchObjects === undefined ? {} : { batchObjects }) });
  }

  get store(): CoordinatorStore {
    return this.stage.objects.store;
  }

  /** Keys of all objects that are in the store. */
  files(): Promise<string[]> {
    return this.stage.objects.keys(this.accountId);
  }

  async rows(): Promise<string[]> {
    return (await this.db.selectFrom('objects').select('object_key').where('account_id', '=', this.accountId).orderBy('object_key').execute()).map((row) => row.object_key);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.db.destroy();
    await this.stage[Symbol.asyncDispose]();
  }
}

export const keysOf = (packs: readonly UploadedPack[]): string[] => packs.map(({ key }) => key);

/** What has to be on the disk: packs of kept checkpoints, the manifests of forks (other manifests are not uploaded here). */
export function needed(world: World, lines: readonly Line[]): string[] {
  const keys = new Set(lines.flatMap((line) => [...line.checkpoints.values()].flatMap(({ packs }) => keysOf(packs))));
  for (const { desktopId, checkpoints } of lines) {
    const first = checkpoints.get(1);
    const key = first === undefined ? undefined : manifestObjectKey({ desktopId, epoch: 1, hostId: world.person.client.device.hostId, sequence: 1, commitId: first.commitId });
    if (key !== undefined && forks.has(desktopId)) keys.add(key);
  }
  return [...keys].sort();
}
