import { Controller, Inject } from '@nestjs/common';
import { Asked, Serve, type Call } from '../http/serve.ts';
import { RecoveryService } from './recovery.service.ts';

@Controller()
export class RecoveryController {
  readonly #recovery: RecoveryService;

  constructor(@Inject(RecoveryService) recovery: RecoveryService) {
    this.#recovery = recovery;
  }

  @Serve('findRecovery')
  find(@Asked() { query, request }: Call<'findRecovery'>): Promise<unknown> {
    return this.#recovery.find(Number(query.from ?? 0), request);
  }

  @Serve('recoverAccount')
  recover(@Asked() { body, request }: Call<'recoverAccount'>): Promise<unknown> {
    return this.#recovery.recover(body, request);
  }
}
