import { Controller, Inject } from '@nestjs/common';
import { Asked, Serve, type Call } from '../http/serve.ts';
import { JobsService } from './jobs.service.ts';

@Controller()
export class JobsController {
  readonly #jobs: JobsService;

  constructor(@Inject(JobsService) jobs: JobsService) {
    this.#jobs = jobs;
  }

  @Serve('retryJob')
  async retry(@Asked() { operator, params }: Call<'retryJob'>): Promise<Record<string, never>> {
    await this.#jobs.retry(operator.session.operator, params.job);
    return {};
  }

  @Serve('putAwayJob')
  async putAway(@Asked() { operator, params }: Call<'putAwayJob'>): Promise<Record<string, never>> {
    await this.#jobs.putAway(operator.session.operator, params.job);
    return {};
  }
}
