import { Controller, Header, Inject } from '@nestjs/common';
import { openApiDocument, textOf } from '@godwit/wire';
import { AuditLog } from '../audit/audit-log.ts';
import { Coordinator } from '../coordinator-identity.ts';
import { answersQueries, type Database } from '../database/database.ts';
import { Drain } from '../http/drain.ts';
import { Serve } from '../http/serve.ts';
import { Bus } from '../replicas/bus.ts';
import { databaseToken } from '../tokens.ts';
import { renderDocs } from './docs-page.ts';

/** What says how the coordinator is and what it can be asked. */
@Controller()
export class SystemController {
  readonly #db: Database;
  readonly #bus: Bus;
  readonly #coordinator: Coordinator;
  readonly #auditLog: AuditLog;
  readonly #drain: Drain;
  readonly #document: Record<string, unknown>;
  readonly #page: string;

  constructor(@Inject(databaseToken) db: Database, @Inject(Bus) bus: Bus, @Inject(Coordinator) coordinator: Coordinator, @Inject(AuditLog) auditLog: AuditLog, @Inject(Drain) drain: Drain) {
    this.#db = db;
    this.#bus = bus;
    this.#coordinator = coordinator;
    this.#auditLog = auditLog;
    this.#drain = drain;
    this.#document = openApiDocument(coordinator.version);
    this.#page = renderDocs(this.#document);
  }

  @Serve('healthz')
  healthz(): unknown {
    return this.#status();
  }

  @Serve('readyz')
  async readyz(): Promise<unknown> {
    this.#drain.requireStaying();
    await answersQueries(this.#db);
    this.#bus.requireHeard();
    this.#auditLog.requireServing();
    return this.#status();
  }

  @Serve('openapi')
  openapi(): unknown {
    return this.#document;
  }

  @Serve('docs')
  @Header('Content-Type', 'text/html; charset=utf-8')
  @Header('Content-Security-Policy', "default-src 'none'; style-src 'unsafe-inline'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'")
  docs(): string {
    return this.#page;
  }

  #status(): unknown {
    return { status: 'ok', version: this.#coordinator.version, audience: this.#coordinator.audience, logKey: textOf(this.#coordinator.logKey.signPublic) };
  }
}
