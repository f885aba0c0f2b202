import 'reflect-metadata';
import type { RequestListener, Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { NestFactory } from '@nestjs/core';
import type { NestExpressApplication } from '@nestjs/platform-express';
import type { NextFunction, Request, Response } from 'express';
import { Fault, newId, systemClock, systemRandom, type AnyId, type Clock, type Log, type Random } from '@godwit/base';
import { cryptoReady } from '@godwit/crypto';
import { AuditLog } from './audit/audit-log.ts';
import { HeadMark } from './audit/head-mark.ts';
import { CoordinatorModule } from './coordinator.module.ts';
import { identifyCoordinator } from './coordinator-identity.ts';
import { takeDataDirectory, type DataDirectory } from './data-directory.ts';
import { migrate, openDatabase, type Database } from './database/database.ts';
import { Statements } from './database/statements.ts';
import { EventsHub } from './events/hub.ts';
import { EventStream } from './events/upgrade.ts';
import { HostsRepository } from './hosts/hosts.repository.ts';
import { receiveBodies } from './http/body.ts';
import { Drain } from './http/drain.ts';
import { Connections } from './http/connections.ts';
import { answerFault } from './http/fault.filter.ts';
import { defaultRates, Limits, type RateOptions } from './http/limits.ts';
import { watchRequests, type WatchParts } from './http/request-watch.ts';
import { Signatures } from './http/signatures.ts';
import { attachStreams, sendAway, sendAwayEvenly, type Stream } from './http/streams.ts';
import { AskedJobs } from './jobs/asked-jobs.ts';
import type { Pace } from './jobs/attempts.ts';
import { closeRuns, readDoneAgoMs } from './jobs/job-runs.ts';
import { JobsService } from './jobs/jobs.service.ts';
import { OwnRounds, type Rounds } from './jobs/rounds.ts';
import { Upkeep, type UpkeepOptions } from './jobs/upkeep.ts';
import { onRecord, pruneAll, type Work } from './jobs/work.ts';
import { LeaseKeepers } from './leases/lease-keepers.ts';
import { FleetReader } from './metrics/fleet-figures.ts';
import { Metrics } from './metrics/metrics.ts';
import { serveMetrics } from './metrics/metrics-server.ts';
import { MovesService } from './moves/moves.service.ts';
import type { NotifySettings } from './notify/notify-settings.ts';
import { openChannels, tellWorks } from './notify/works.ts';
import { ObjectRequests } from './objects/object-requests.ts';
import { openStore, type OpenStore } from './objects/open-store.ts';
import { OperatorStoreService } from './operator-store/operator-store.service.ts';
import { Collector } from './prune/collector.ts';
import { PruneService } from './prune/prune.service.ts';
import { Finder } from './scrub/finder.ts';
import { Scrubber } from './scrub/scrubber.ts';
import { Replicator } from './second-bucket/replicator.ts';
import { openSecond, SecondBucket, type SecondStore } from './second-bucket/second-bucket.ts';
import { defaultQuotas } from './quotas/quota-list.ts';
import { keepDefaultQuotas, type DefaultQuotas } from './quotas/quotas.ts';
import { OneTimes } from './operators/one-times.ts';
import type { S3Settings } from './s3/s3-settings.ts';
import { OperatorStream } from './operators/operator-stream.ts';
import { OperatorsHub } from './operators/operators-hub.ts';
import { OperatorsService } from './operators/operators.service.ts';
import type { Invite } from './operators/invites.ts';
import type { OidcOptions } from './operators/oidc-options.ts';
import { OidcProvider } from './operators/oidc-provider.ts';
import { OwnOrigin } from './operators/own-origin.ts';
import { servePages } from './operators/pages.ts';
import { Sessions } from './operators/sessions.ts';
import { Tickets } from './operators/tickets.ts';
import { OverviewService } from './overview/overview.service.ts';
import { Bus } from './replicas/bus.ts';
import { RedisBus } from './replicas/redis-bus.ts';
import { connectRedis } from './replicas/redis.ts';
import { databaseName, databaseUser, startCluster, type Cluster } from './postgres/cluster.ts';

export interface CoordinatorOptions {
  /** Where it keeps what it keeps; made when it is not there. */
  readonly dataDirectory: string;
  readonly listen: { readonly host: string; /** 0: any free one. */ readonly port: number };
  /** A PostgreSQL elsewhere; without it a private one is started in the data directory. */
  readonly databaseUrl?: string | undefined;
  /** The Redis that it shares with the other coordinators on its database; without it there are none. */
  readonly redisUrl?: string | undefined;
  /** The bucket for objects; without it they lie in the data directory. */
  readonly s3?: S3Settings | undefined;
  /** Another bucket, to which all objects are copied. */
  readonly secondBucket?: S3Settings | undefined;
  /** Where browsers find the dashboard, as `parsePublicOrigin` gives it; without it `http://localhost:PORT`. */
  readonly publicOrigin?: string | undefined;
  /** An OpenID provider that operators may sign in with. */
  readonly oidc?: OidcOptions | undefined;
  /** Who is told outside of what needs a person; without it nobody. */
  readonly notify?: NotifySettings | undefined;
  /** Where Prometheus may ask for figures; without it nobody may. */
  readonly metrics?: { readonly host: string; /** 0: any free one. */ readonly port: number } | undefined;
  readonly rates?: RateOptions;
  /** Of every account that was given none of its own; what is not named is as `defaultQuotas` says. */
  readonly quotas?: Partial<DefaultQuotas>;
  /** How long what nothing needs is kept, how often that is looked at, how fast scrub reads. */
  readonly upkeep?: Partial<UpkeepOptions>;
  readonly log: Log;
  readonly clock?: Clock;
  readonly random?: Random;
}

export interface RunningCoordinator {
  readonly url: string;
  /** Of the dashboard's pages, as browsers have to ask for them. */
  readonly origin: string;
  /** What requests to it are signed for. */
  readonly audience: string;
  /** What heads of its audit log are signed with: the public key. */
  readonly logKey: Buffer;
  /** Where the metrics are, undefined where they are not served. */
  readonly metricsUrl: string | undefined;
  /** The private PostgreSQL's process, undefined with a database elsewhere. */
  readonly databasePid: () => number | undefined;
  /** A one-time code for the first operator, in the place of the one before; undefined when there is an operator. */
  readonly inviteFirst: () => Promise<Invite | undefined>;
  /** Says by `/readyz` that it will stop, and serves on for `lastsMs`, or until `hurried` resolves. */
  drain(lastsMs: number, hurried: Promise<void>): Promise<void>;
  /** Ends what is under way, then the database. */
  close(): Promise<void>;
}

const headersLimitMs = 10_000;
/** Above the longest upload (objects/transfer.ts). */
const requestLimitMs = 150_000;
const keepAliveMs = 65_000;
/** Without streams of events. */
const connectionsMax = 4_096;
const nonceSweepMs = 30_000;
/** How long requests under way may take to end when the coordinator stops. */
const endMs = 2_000;

/** Starts everything, in order; when a step fails the steps before it are undone and its fault is thrown. */
export async function startCoordinator(options: CoordinatorOptions): Promise<RunningCoordinator> {
  const { log, clock = systemClock, random = systemRandom } = options;
  await using undo = new AsyncDisposableStack();
  await cryptoReady();
  const data = await takeDataDirectory(options.dataDirectory, random);
  undo.defer(() => data.release());
  const { db, statements, cluster } = await openStorage(options, data, undo);
  await migrate(db);
  const coordinator = await identifyCoordinator(db, random);
  await keepDefaultQuotas(db, { ...defaultQuotas, ...options.quotas });
  const { bus, oneTimes } = await joinReplicas(options, coordinator.audience, { clock, random }, undo);
  await closeRuns(db, bus);
  const mark = new HeadMark(data.path, log);
  undo.defer(() => mark.settled());
  const auditLog = new AuditLog({ db, audience: coordinator.audience, key: coordinator.logKey, mark, clock, log });
  await auditLog.check();
  const objects = await openStore(data, options.s3, { clock, random, log });
  undo.defer(() => objects.close());
  const second = options.secondBucket === undefined ? undefined : openSecond(options.secondBucket, clock, random);
  const limits = new Limits(options.rates ?? defaultRates, clock, () => bus.others.size + 1);
  const upkeep = new Upkeep(options.upkeep);
  const drain = new Drain();
  const keepers = await LeaseKeepers.begin({ db, bus, clock, random, log });
  undo.defer(() => keepers.leave());
  const origin = new OwnOrigin(options.publicOrigin);
  const oidc = options.oidc === undefined ? undefined : new OidcProvider(options.oidc, () => `${origin.text}/dashboard/oidc`);
  const metrics = new Metrics(coordinator.version);
  const module = CoordinatorModule.on({ metrics, db, bus, oneTimes, statements, renewals: keepers.renewals, coordinator, auditLog, objects, secondBucket: new SecondBucket(second), limits, drain, upkeep, origin, oidc, clock, random, log });
  // eslint-disable-next-line @typescript-eslint/no-unsafe-class-instance-assignment -- Nest declares its options as a class and takes literals
  const app = await NestFactory.create<NestExpressApplication>(module, { logger: false, bodyParser: false, abortOnError: false });
  undo.defer(() => app.close());
  const server = await serve(app, { ...options, clock, random }, origin);
  await db.updateTable('coordinator').set({ origin: origin.text }).execute();
  const streams = [
    new EventStream({ signatures: app.get(Signatures), hub: app.get(EventsHub), clock }),
    new OperatorStream({ tickets: app.get(Tickets), sessions: app.get(Sessions), hub: app.get(OperatorsHub), origin, clock, log }),
  ];
  attachStreams(server, streams, drain, log);
  undo.defer(() => closeConnections(server, streams));
  sweepNonces(app.get(HostsRepository), log, undo);
  const channels = await openChannels(options.notify ?? {}, { clock, log });
  for (const { name } of channels) metrics.willNotify(name);
  const telling = tellWorks(channels, { db, overview: app.get(OverviewService), metrics, origin: origin.text, goneAfterMs: upkeep.goneAfterMs, random });
  const rounds = await beginRounds(options, { ...worksOf(app, { db, bus, log }, { ...objects, second }, upkeep), ...telling }, { app, db, bus, audience: coordinator.audience, pace: paceOf(upkeep, telling), clock });
  undo.defer(() => rounds.close());
  app.get(JobsService).runBy(rounds);
  const asked = new AskedJobs(db, rounds, upkeep.askedEveryMs, log);
  undo.defer(() => asked.close());
  const metricsServer = options.metrics === undefined ? undefined : await serveMetrics(options.metrics, { metrics, fleet: app.get(FleetReader), log });
  if (metricsServer !== undefined) undo.defer(() => metricsServer.close());
  const { address, port, family } = server.address() as AddressInfo;
  const running = undo.move();
  return {
    url: `http://${family === 'IPv6' ? `[${address}]` : address}:${port}`,
    origin: origin.text,
    audience: coordinator.audience,
    logKey: coordinator.logKey.signPublic,
    metricsUrl: metricsServer?.url,
    databasePid: () => cluster?.pid(),
    inviteFirst: () => app.get(OperatorsService).inviteFirst(),
    drain: (lastsMs, hurried) => drain.begin(lastsMs, hurried, (overMs) => sendAwayEvenly(streams, overMs)),
    close: () => running.disposeAsync(),
  };
}

async function openStorage(options: CoordinatorOptions, data: DataDirectory, undo: AsyncDisposableStack): Promise<{ db: Database; statements: Statements; cluster: Cluster | undefined }> {
  const { log, databaseUrl } = options;
  const cluster = databaseUrl === undefined ? await startCluster(data.path, log) : undefined;
  if (cluster !== undefined) undo.defer(() => cluster.stop());
  const address = cluster === undefined ? { url: databaseUrl ?? '' } : { socketDirectory: cluster.socketDirectory, user: databaseUser, database: databaseName };
  const db = openDatabase(address, log);
  undo.defer(() => db.destroy());
  const statements = new Statements(address, log);
  undo.defer(() => statements.close());
  return { db, statements, cluster };
}

/** The others on the same database, and what is kept with them. */
async function joinReplicas({ redisUrl: url, log }: CoordinatorOptions, audience: string, { clock, random }: { clock: Clock; random: Random }, undo: AsyncDisposableStack): Promise<{ bus: Bus; oneTimes: OneTimes }> {
  if (url === undefined) return { bus: new Bus(newId<AnyId>(random)), oneTimes: new OneTimes({ redis: undefined, audience, clock, random }) };
  const redis = await connectRedis(url, log);
  undo.defer(() => redis.disconnect());
  const bus = await RedisBus.join({ url, audience, clock, random, log });
  undo.defer(() => bus.close());
  return { bus, oneTimes: new OneTimes({ redis, audience, clock, random }) };
}

async function serve(app: NestExpressApplication, { listen, log, clock, random }: CoordinatorOptions & { readonly clock: Clock; readonly random: Random }, origin: OwnOrigin): Promise<Server> {
  app.disable('x-powered-by');
  app.disable('etag');
  app.use(harden);
  app.use(servePages(origin));
  app.use(receiveBodies());
  app.use((error: unknown, request: Request, response: Response, _next: NextFunction) => answerFault(request, response, Fault.from(error)));
  const server = app.getHttpServer();
  takeObjectsFirst(server, app.get(ObjectRequests), app.get(Drain), { metrics: app.get(Metrics), clock, random, log });
  server.headersTimeout = headersLimitMs;
  server.requestTimeout = requestLimitMs;
  server.keepAliveTimeout = keepAliveMs;
  new Connections(server, connectionsMax);
  try {
    await app.listen(listen.port, listen.host);
  } catch (error) {
    throw new Fault('COORDINATOR_LISTEN_FAILED', { subject: `${listen.host}:${listen.port}`, found: (error as NodeJS.ErrnoException).code ?? 'an error', cause: error });
  }
  origin.listensOn((server.address() as AddressInfo).port);
  return server;
}

/** Requests for objects do not go through Express, everything else does. */
function takeObjectsFirst(server: Server, objects: ObjectRequests, drain: Drain, watch: WatchParts): void {
  const listeners = server.listeners('request') as RequestListener[];
  server.removeAllListeners('request');
  server.on('request', watchRequests((request, response) => {
    // Whoever comes next comes to another replica.
    if (drain.begun) response.setHeader('Connection', 'close');
    if (!objects.take(request, response)) for (const listener of listeners) listener(request, response);
  }, watch));
}

function harden(_request: Request, response: Response, next: NextFunction): void {
  response.setHeader('X-Content-Type-Options', 'nosniff');
  response.setHeader('Cache-Control', 'no-store');
  next();
}

/** Idle connections end at once, those with a request under way and those of streams get a moment. */
async function closeConnections(server: Server, streams: readonly Stream[]): Promise<void> {
  sendAway(streams);
  const closed = new Promise((resolve) => server.close(resolve));
  server.closeIdleConnections();
  const timer = setTimeout(() => {
    server.closeAllConnections();
    for (const stream of streams) stream.close();
  }, endMs);
  await closed;
  clearTimeout(timer);
  for (const stream of streams) stream.close();
}

function sweepNonces(hosts: HostsRepository, log: Log, undo: AsyncDisposableStack): void {
  const timer = setInterval(() => void hosts.forgetExpiredNonces().catch((error: unknown) => log.warn('nonces.sweep', { error })), nonceSweepMs);
  undo.defer(() => clearInterval(timer));
}

/** What runs the jobs: BullMQ at one of the replicas each, or timers of this process where it is alone (docs/decisions/0022). */
async function beginRounds({ redisUrl, log }: CoordinatorOptions, works: Readonly<Record<string, Work>>, { app, db, bus, audience, pace, clock }: RoundsGround): Promise<Rounds> {
  const attempts = onRecord(works, { db, bus, news: app.get(OperatorsHub), pace });
  if (redisUrl === undefined) return new OwnRounds(attempts, { ...pace, doneAgoMs: await readDoneAgoMs(db), log });
  // Loaded by replicas alone.
  const { SharedRounds } = await import('./jobs/shared-rounds.ts');
  return SharedRounds.begin(attempts, { redisUrl, audience, ...pace, clock, log });
}

interface RoundsGround {
  readonly app: NestExpressApplication;
  readonly db: Database;
  readonly bus: Bus;
  readonly audience: string;
  readonly pace: Pace;
  readonly clock: Clock;
}

/** Whoever is told outside does not wait for ten minutes. */
function paceOf({ everyMs, againMs, tellEveryMs }: Upkeep, telling: Readonly<Record<string, Work>>): Pace {
  return { everyMs, againMs, ownEveryMs: Object.fromEntries(Object.keys(telling).map((job) => [job, Math.min(everyMs, tellEveryMs)])) };
}

/** What is done round after round. Should two replicas do it side by side, it is right all the same: each step is a transaction of its own. */
function worksOf(app: NestExpressApplication, { db, bus, log }: { db: Database; bus: Bus; log: Log }, { store, check, second }: Stores, upkeep: Upkeep): Record<string, Work> {
  const scrubber = new Scrubber(db, store, upkeep);
  const finder = new Finder(db, store);
  const replicator = second === undefined ? undefined : new Replicator({ db, first: store, second, graceMs: upkeep.secondGraceMs, log });
  return {
    prune: pruneAll(db, app.get(PruneService), app.get(Collector)),
    scrub: (signal) => scrubber.round(signal),
    find: (signal) => finder.round(signal),
    ...(check === undefined ? {} : { 'store-check': () => check.round() }),
    ...(replicator === undefined ? {} : { replicate: (signal) => replicator.round(signal) }),
    measure: () => app.get(OperatorStoreService).measure(),
    forget: async () => ({ moves: await app.get(MovesService).forgetOld(), runs: await closeRuns(db, bus) }),
  };
}

interface Stores extends Pick<OpenStore, 'store' | 'check'> {
  readonly second: SecondStore | undefined;
}
