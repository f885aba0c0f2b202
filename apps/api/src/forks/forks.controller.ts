import { Controller, Inject } from '@nestjs/common';
import type { Desktop } from '@godwit/wire';
import { Asked, Serve, type Call } from '../http/serve.ts';
import { ForksService } from './forks.service.ts';

@Controller()
export class ForksController {
  readonly #forks: ForksService;

  constructor(@Inject(ForksService) forks: ForksService) {
    this.#forks = forks;
  }

  @Serve('forkDesktop')
  fork(@Asked() { caller, params, body }: Call<'forkDesktop'>): Promise<Desktop> {
    return this.#forks.fork(caller, params.desktopId, body);
  }
}
