import { Controller, Inject } from '@nestjs/common';
import type { AnswerOf, DesktopDetail, Routes } from '@godwit/wire';
import { Asked, Serve, type Call } from '../http/serve.ts';
import { OperatorDesktopsService } from './operator-desktops.service.ts';

@Controller()
export class OperatorDesktopsController {
  readonly #desktops: OperatorDesktopsService;

  constructor(@Inject(OperatorDesktopsService) desktops: OperatorDesktopsService) {
    this.#desktops = desktops;
  }

  @Serve('listAllDesktops')
  list(@Asked() { query }: Call<'listAllDesktops'>): Promise<AnswerOf<Routes['listAllDesktops']>> {
    return this.#desktops.list(query);
  }

  @Serve('readDesktopDetail')
  detail(@Asked() { params }: Call<'readDesktopDetail'>): Promise<DesktopDetail> {
    return this.#desktops.detail(params.accountId, params.desktopId);
  }
}
