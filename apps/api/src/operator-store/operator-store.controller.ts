import { Controller, Inject } from '@nestjs/common';
import type { StoreView } from '@godwit/wire';
import { Serve } from '../http/serve.ts';
import { OperatorStoreService } from './operator-store.service.ts';

@Controller()
export class OperatorStoreController {
  readonly #store: OperatorStoreService;

  constructor(@Inject(OperatorStoreService) store: OperatorStoreService) {
    this.#store = store;
  }

  @Serve('readStore')
  view(): Promise<StoreView> {
    return this.#store.view();
  }
}
