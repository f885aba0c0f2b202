import { Controller, Inject } from '@nestjs/common';
import type { OperatorAudit } from '@godwit/wire';
import { Asked, Serve, type Call } from '../http/serve.ts';
import { OperatorAuditService } from './operator-audit.service.ts';

@Controller()
export class OperatorAuditController {
  readonly #audit: OperatorAuditService;

  constructor(@Inject(OperatorAuditService) audit: OperatorAuditService) {
    this.#audit = audit;
  }

  @Serve('readOperatorAudit')
  read(@Asked() { query }: Call<'readOperatorAudit'>): Promise<OperatorAudit> {
    return this.#audit.read(query);
  }
}
