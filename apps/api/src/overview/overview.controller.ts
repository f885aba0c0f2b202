import { Controller, Inject } from '@nestjs/common';
import type { Overview } from '@godwit/wire';
import { Serve } from '../http/serve.ts';
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
}
