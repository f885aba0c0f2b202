import { Controller, Inject } from '@nestjs/common';
import type { AnswerOf, Routes } from '@godwit/wire';
import { Asked, Serve, type Call } from '../http/serve.ts';
import { MovesService } from './moves.service.ts';

@Controller()
export class MovesController {
  readonly #moves: MovesService;

  constructor(@Inject(MovesService) moves: MovesService) {
    this.#moves = moves;
  }

  @Serve('reportMove')
  async report(@Asked() { caller, params, body }: Call<'reportMove'>): Promise<Record<string, never>> {
    await this.#moves.report(caller, params.desktopId, body);
    return {};
  }

  @Serve('listMoves')
  list(@Asked() { query }: Call<'listMoves'>): Promise<AnswerOf<Routes['listMoves']>> {
    return this.#moves.list(query);
  }
}
