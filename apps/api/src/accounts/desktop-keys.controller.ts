import { Controller, Inject } from '@nestjs/common';
import { Asked, Serve, type Call } from '../http/serve.ts';
import { DesktopKeysService } from './desktop-keys.service.ts';

@Controller()
export class DesktopKeysController {
  readonly #keys: DesktopKeysService;

  constructor(@Inject(DesktopKeysService) keys: DesktopKeysService) {
    this.#keys = keys;
  }

  @Serve('keepDesktopKey')
  async keep(@Asked() { caller, params, body }: Call<'keepDesktopKey'>): Promise<unknown> {
    await this.#keys.keep(caller, params.desktopId, body);
    return {};
  }
}
