import { silentLog, systemClock, systemRandom } from '@godwit/base';
import { routes, type AnswerOf, type MoveReport, type OperatorMessage, type RouteId, type Routes } from '@godwit/wire';
import { AuditLog } from '../audit/audit-log.ts';
import { HeadMark } from '../audit/head-mark.ts';
import { identifyCoordinator } from '../coordinator-identity.ts';
import { openDatabase, type Database } from '../database/database.ts';
import { EventsHub } from '../events/hub.ts';
import { Upkeep } from '../jobs/upkeep.ts';
import { MovesService } from '../moves/moves.service.ts';
import { OperatorAuditService } from '../operator-audit/operator-audit.service.ts';
import { OperatorDesktopsService } from '../operator-desktops/operator-desktops.service.ts';
import { OperatorHostsService } from '../operator-hosts/operator-hosts.service.ts';
import { OperatorStoreService } from '../operator-store/operator-store.service.ts';
import { OperatorsHub } from '../operators/operators-hub.ts';
import { OperatorNews } from '../overview/operator-news.ts';
import { OverviewService } from '../overview/overview.service.ts';
import { Bus } from '../replicas/bus.ts';
import { SecondBucket } from '../second-bucket/second-bucket.ts';
import { newDatabaseUrl } from './shared-cluster.ts';
import { raiseStage, type Stage } from './stage.ts';

/** A coordinator, a hand in its database, and the operators' views on that database, asked without the door. */
export class Views implements AsyncDisposable {
  readonly stage: Stage;
  readonly databaseUrl: string;
  readonly db: Database;
  readonly hub = new EventsHub(new Bus('alone'));
  /** What was published since the start by the services here. */
  readonly news: OperatorMessage[] = [];
  readonly moves: MovesService;
  readonly desktops: OperatorDesktopsService;
  readonly hosts: OperatorHostsService;
  readonly store: OperatorStoreService;
  readonly overview: OverviewService;
  readonly audit: OperatorAuditService;

  private constructor(stage: Stage, databaseUrl: string, db: Database, coordinator: Awaited<ReturnType<typeof identifyCoordinator>>) {
    [this.stage, this.databaseUrl, this.db] = [stage, databaseUrl, db];
    const news = new OperatorsHub(new Bus('alone'));
    news.subscribe({ sessionId: 'test', news: (message) => this.news.push(message), ended: () => undefined, again: () => undefined });
    const upkeep = new Upkeep();
    new OperatorNews(this.hub, news);
    const { audience, logKey: key } = coordinator;
    const log = new AuditLog({ db, audience, key, mark: new HeadMark(stage.dataDirectory, silentLog), clock: systemClock, log: silentLog });
    this.audit = new OperatorAuditService(db, log, coordinator);
    this.moves = new MovesService(db, news);
    this.desktops = new OperatorDesktopsService(db, this.hub);
    this.hosts = new OperatorHostsService(db, coordinator, this.hub, news);
    this.store = new OperatorStoreService(db, stage.objects.store, new SecondBucket(undefined), systemClock);
    this.overview = new OverviewService(db, coordinator, this.hub, this.store, upkeep, news);
  }

  static async raise(): Promise<Views> {
    const databaseUrl = await newDatabaseUrl();
    const stage = await raiseStage({ databaseUrl });
    const db = openDatabase({ url: databaseUrl }, silentLog);
    return new Views(stage, databaseUrl, db, await identifyCoordinator(db, systemRandom));
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.db.destroy();
    await this.stage[Symbol.asyncDispose]();
  }
}

/** The answer as it would leave the door: held to the route's schema. */
export async function shown<Id extends RouteId>(id: Id, answer: Promise<unknown>): Promise<AnswerOf<Routes[Id]>> {
  const { answer: schema } = routes[id];
  if (typeof schema === 'string') throw new Error(`${id} does not answer JSON`);
  return schema.parse(JSON.parse(JSON.stringify(await answer))) as AnswerOf<Routes[Id]>;
}

/** A host's word about a move, with what a test says of it. */
export function reportOf(report: Partial<MoveReport> = {}): MoveReport {
  return {
    moveId: systemRandom(16).toString('hex'), epoch: 1, kind: 'checkpoint', state: 'running', phase: 'capture', doneBytes: 0, totalBytes: null, bytesPerSecond: null, leftMs: null,
    pauseMs: null, durableMs: null, runningMs: null, bytesMoved: 0, bytesChanged: null, fault: null, phases: [], sequence: null, ...report,
  };
}
