import { Controller, Inject } from '@nestjs/common';
import type { AnswerOf, Checkpoint, Routes } from '@godwit/wire';
import { Asked, Serve, type Call } from '../http/serve.ts';
import { CheckpointsService } from './checkpoints.service.ts';

@Controller()
export class CheckpointsController {
  readonly #checkpoints: CheckpointsService;

  constructor(@Inject(CheckpointsService) checkpoints: CheckpointsService) {
    this.#checkpoints = checkpoints;
  }

  @Serve('commitCheckpoint')
  commit(@Asked() { caller, params, body }: Call<'commitCheckpoint'>): Promise<AnswerOf<Routes['commitCheckpoint']>> {
    return this.#checkpoints.commit(caller, params.desktopId, body);
  }

  @Serve('listCheckpoints')
  async list(@Asked() { caller, params, query }: Call<'listCheckpoints'>): Promise<{ checkpoints: Checkpoint[] }> {
    const before = query.before === undefined ? Number.MAX_SAFE_INTEGER : Number(query.before);
    return { checkpoints: await this.#checkpoints.list(caller, params.desktopId, before) };
  }

  @Serve('readManifest')
  manifest(@Asked() { caller, params }: Call<'readManifest'>): Promise<AnswerOf<Routes['readManifest']>> {
    return this.#checkpoints.manifest(caller, params.desktopId, Number(params.sequence));
  }
}
