import { Controller, Inject } from '@nestjs/common';
import type { AnswerOf, Routes } from '@godwit/wire';
import { Asked, Serve, type Call } from '../http/serve.ts';
import { PruneService } from './prune.service.ts';

@Controller()
export class PruneController {
  readonly #prune: PruneService;

  constructor(@Inject(PruneService) prune: PruneService) {
    this.#prune = prune;
  }

  @Serve('pruneDesktop')
  prune(@Asked() { caller, params, body }: Call<'pruneDesktop'>): Promise<AnswerOf<Routes['pruneDesktop']>> {
    return this.#prune.prune(caller, params.desktopId, body);
  }
}
