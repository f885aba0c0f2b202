import { Controller, Inject } from '@nestjs/common';
import type { AccountQuotas } from '@godwit/wire';
import { Asked, Serve, type Call } from '../http/serve.ts';
import { QuotasService } from './quotas.service.ts';

@Controller()
export class QuotasController {
  readonly #quotas: QuotasService;

  constructor(@Inject(QuotasService) quotas: QuotasService) {
    this.#quotas = quotas;
  }

  @Serve('readQuotas')
  read(@Asked() { params }: Call<'readQuotas'>): Promise<AccountQuotas> {
    return this.#quotas.read(params.accountId);
  }

  @Serve('setQuotas')
  set(@Asked() { operator, params, body }: Call<'setQuotas'>): Promise<AccountQuotas> {
    return this.#quotas.set(operator.session.operator, params.accountId, body);
  }
}
