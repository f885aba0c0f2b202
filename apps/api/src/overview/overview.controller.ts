import { Controller, Inject } from '@nestjs/common';
import type { Overview } from '@godwit/wire';
import { Asked, Serve, type Call } from '../http/serve.ts';
import { OverviewService } from './overview.service.ts';

@Controller()
export class OverviewController {
  readonly #overview: OverviewService;

  constructor(@Inject(OverviewService) overview: OverviewService) {
    this.#overview = overview;
  }

  @Serve('readOverview')
  read(): Promise<Overview> {
    return this.#overview.read();
  }

  @Serve('acknowledgeAttention')
  async acknowledge(@Asked() { operator, body }: Call<'acknowledgeAttention'>): Promise<Record<string, never>> {
    await this.#overview.acknowledge(operator.session.operator, body.id, body.acknowledged);
    return {};
  }
}
