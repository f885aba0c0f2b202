import { Module, type DynamicModule } from '@nestjs/common';
import { APP_FILTER, APP_GUARD } from '@nestjs/core';
import type { Clock, Log, Random } from '@godwit/base';
import { AccountsController } from './accounts/accounts.controller.ts';
import { AccountsRepository } from './accounts/accounts.repository.ts';
import { AccountsService } from './accounts/accounts.service.ts';
import { DesktopKeysController } from './accounts/desktop-keys.controller.ts';
import { DesktopKeysService } from './accounts/desktop-keys.service.ts';
import { JoinsController } from './accounts/joins.controller.ts';
import { JoinsService } from './accounts/joins.service.ts';
import { RecoveryController } from './accounts/recovery.controller.ts';
import { RecoveryService } from './accounts/recovery.service.ts';
import { AuditController } from './audit/audit.controller.ts';
import { AuditLog } from './audit/audit-log.ts';
import { CheckpointsController } from './checkpoints/checkpoints.controller.ts';
import { CheckpointsService } from './checkpoints/checkpoints.service.ts';
import { Coordinator } from './coordinator-identity.ts';
import type { Database } from './database/database.ts';
import { Statements } from './database/statements.ts';
import { DesktopsController } from './desktops/desktops.controller.ts';
import { DesktopsService } from './desktops/desktops.service.ts';
import { EventsHub } from './events/hub.ts';
import { ForksController } from './forks/forks.controller.ts';
import { ForksService } from './forks/forks.service.ts';
import { HostsController } from './hosts/hosts.controller.ts';
import { HostsRepository } from './hosts/hosts.repository.ts';
import { Nonces } from './hosts/nonces.ts';
import { Drain } from './http/drain.ts';
import { FaultFilter } from './http/fault.filter.ts';
import { Limits } from './http/limits.ts';
import { RouteGuard } from './http/route.guard.ts';
import { Signatures } from './http/signatures.ts';
import { JobsController } from './jobs/jobs.controller.ts';
import { JobsService } from './jobs/jobs.service.ts';
import { Upkeep } from './jobs/upkeep.ts';
import { Holdings } from './leases/holdings.ts';
import { LeasesController } from './leases/leases.controller.ts';
import { LeasesService } from './leases/leases.service.ts';
import { Renewals } from './leases/renewals.ts';
import { FleetReader } from './metrics/fleet-figures.ts';
import { Metrics } from './metrics/metrics.ts';
import { MovesController } from './moves/moves.controller.ts';
import { MovesService } from './moves/moves.service.ts';
import { CoordinatorStore } from './objects/coordinator-store.ts';
import { ObjectRequests } from './objects/object-requests.ts';
import { ObjectsController } from './objects/objects.controller.ts';
import { ObjectsRepository } from './objects/objects.repository.ts';
import { ObjectsService } from './objects/objects.service.ts';
import type { OpenStore } from './objects/open-store.ts';
import { ServedObjects } from './objects/served-objects.ts';
import { OperatorAuditController } from './operator-audit/operator-audit.controller.ts';
import { OperatorAuditService } from './operator-audit/operator-audit.service.ts';
import { OperatorDesktopsController } from './operator-desktops/operator-desktops.controller.ts';
import { OperatorDesktopsService } from './operator-desktops/operator-desktops.service.ts';
import { OperatorHostsController } from './operator-hosts/operator-hosts.controller.ts';
import { OperatorHostsService } from './operator-hosts/operator-hosts.service.ts';
import { OperatorStoreController } from './operator-store/operator-store.controller.ts';
import { OperatorStoreService } from './operator-store/operator-store.service.ts';
import { OneTimes } from './operators/one-times.ts';
import { OperatorsHub } from './operators/operators-hub.ts';
import { OidcService } from './operators/oidc.service.ts';
import type { OidcProvider } from './operators/oidc-provider.ts';
import { OperatorsController } from './operators/operators.controller.ts';
import { OperatorsService } from './operators/operators.service.ts';
import { OwnOrigin } from './operators/own-origin.ts';
import { Sessions } from './operators/sessions.ts';
import { SignInService } from './operators/sign-in.service.ts';
import { Tickets } from './operators/tickets.ts';
import { OperatorNews } from './overview/operator-news.ts';
import { OverviewController } from './overview/overview.controller.ts';
import { OverviewService } from './overview/overview.service.ts';
import { Collector } from './prune/collector.ts';
import { QuotasController } from './quotas/quotas.controller.ts';
import { QuotasService } from './quotas/quotas.service.ts';
import { Bus } from './replicas/bus.ts';
import { PruneController } from './prune/prune.controller.ts';
import { PruneService } from './prune/prune.service.ts';
import { ScrubController } from './scrub/scrub.controller.ts';
import { SecondBucket } from './second-bucket/second-bucket.ts';
import { SystemController } from './system/system.controller.ts';
import { clockToken, databaseToken, logToken, oidcToken, randomToken } from './tokens.ts';

/** What the coordinator's parts stand on; made by `startCoordinator`. */
export interface Ground {
  readonly metrics: Metrics;
  readonly db: Database;
  readonly bus: Bus;
  readonly oneTimes: OneTimes;
  readonly statements: Statements;
  readonly renewals: Renewals;
  readonly coordinator: Coordinator;
  readonly auditLog: AuditLog;
  readonly objects: OpenStore;
  readonly secondBucket: SecondBucket;
  readonly limits: Limits;
  readonly drain: Drain;
  readonly upkeep: Upkeep;
  readonly origin: OwnOrigin;
  readonly oidc: OidcProvider | undefined;
  readonly clock: Clock;
  readonly random: Random;
  readonly log: Log;
}

@Module({})
export class CoordinatorModule {
  static on(ground: Ground): DynamicModule {
    return {
      module: CoordinatorModule,
      controllers: [AccountsController, JoinsController, RecoveryController, DesktopKeysController, HostsController, DesktopsController, LeasesController, CheckpointsController, AuditController, ObjectsController, ForksController, PruneController, QuotasController, ScrubController, SystemController, OperatorsController, MovesController, OverviewController, OperatorDesktopsController, OperatorHostsController, OperatorStoreController, JobsController, OperatorAuditController],
      providers: [
        { provide: databaseToken, useValue: ground.db },
        { provide: Metrics, useValue: ground.metrics },
        { provide: Bus, useValue: ground.bus },
        { provide: OneTimes, useValue: ground.oneTimes },
        { provide: Statements, useValue: ground.statements },
        { provide: Renewals, useValue: ground.renewals },
        { provide: Coordinator, useValue: ground.coordinator },
        { provide: AuditLog, useValue: ground.auditLog },
        { provide: CoordinatorStore, useValue: ground.objects.store },
        { provide: ServedObjects, useFactory: ground.objects.serve, inject: [ObjectsRepository] },
        { provide: SecondBucket, useValue: ground.secondBucket },
        { provide: Limits, useValue: ground.limits },
        { provide: Drain, useValue: ground.drain },
        { provide: Upkeep, useValue: ground.upkeep },
        { provide: OwnOrigin, useValue: ground.origin },
        { provide: Collector, useValue: new Collector({ db: ground.db, eraser: ground.objects.store, graceMs: ground.upkeep.graceMs, retryMs: ground.upkeep.retryMs, log: ground.log }) },
        { provide: oidcToken, useValue: { provider: ground.oidc } },
        { provide: clockToken, useValue: ground.clock },
        { provide: randomToken, useValue: ground.random },
        { provide: logToken, useValue: ground.log },
        { provide: APP_FILTER, useClass: FaultFilter },
        { provide: APP_GUARD, useClass: RouteGuard },
        Signatures,
        EventsHub,
        OperatorsHub,
        OperatorsService,
        Sessions,
        SignInService,
        OidcService,
        Tickets,
        HostsRepository,
        Nonces,
        AccountsRepository,
        AccountsService,
        JoinsService,
        RecoveryService,
        DesktopKeysService,
        Holdings,
        DesktopsService,
        LeasesService,
        CheckpointsService,
        ObjectsRepository,
        ObjectsService,
        ObjectRequests,
        ForksService,
        PruneService,
        QuotasService,
        MovesService,
        OverviewService,
        OperatorNews,
        FleetReader,
        OperatorDesktopsService,
        OperatorHostsService,
        OperatorStoreService,
        JobsService,
        OperatorAuditService,
      ],
    };
  }
}
