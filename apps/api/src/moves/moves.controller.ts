import { Controller, Inject } from '@nestjs/common';
import type { Log } from '@godwit/base';
import type { AnswerOf, Routes } from '@godwit/wire';
import { logToken } from '../tokens.ts';
import { Asked, Serve, type Call } from '../http/serve.ts';
import { Metrics } from '../metrics/metrics.ts';
import { MovesService } from './moves.service.ts';

@Controller()
export class MovesController {
  readonly #moves: MovesService;
  readonly #metrics: Metrics;
  readonly #log: Log;

  constructor(@Inject(MovesService) moves: MovesService, @Inject(Metrics) metrics: Metrics, @Inject(logToken) log: Log) {
    [this.#moves, this.#metrics, this.#log] = [moves, metrics, log];
  }

  @Serve('reportMove')
  async report(@Asked() { caller, params, body }: Call<'reportMove'>): Promise<Record<string, never>> {
    const { ended } = await this.#moves.report(caller, params.desktopId, body);
    if (!ended) return {};
    const { moveId, kind, state, pauseMs, bytesMoved, fault } = body;
    this.#metrics.moveEnded(body);
    this.#log.info('move.ended', { move: moveId, desktop: params.desktopId, host: caller.hostId, kind, state, pauseMs, bytesMoved, fault });
    return {};
  }

  @Serve('listMoves')
  list(@Asked() { query }: Call<'listMoves'>): Promise<AnswerOf<Routes['listMoves']>> {
    return this.#moves.list(query);
  }
}
