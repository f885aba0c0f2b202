import { Controller, Inject } from '@nestjs/common';
import type { AnswerOf, Desktop, Routes } from '@godwit/wire';
import { Asked, Serve, type Call } from '../http/serve.ts';
import { DesktopsService } from './desktops.service.ts';

@Controller()
export class DesktopsController {
  readonly #desktops: DesktopsService;

  constructor(@Inject(DesktopsService) desktops: DesktopsService) {
    this.#desktops = desktops;
  }

  @Serve('createDesktop')
  create(@Asked() { caller, body }: Call<'createDesktop'>): Promise<Desktop> {
    return this.#desktops.create(caller, body);
  }

  @Serve('listDesktops')
  list(@Asked() { caller }: Call<'listDesktops'>): Promise<AnswerOf<Routes['listDesktops']>> {
    return this.#desktops.list(caller);
  }

  @Serve('readDesktop')
  read(@Asked() { caller, params }: Call<'readDesktop'>): Promise<Desktop> {
    return this.#desktops.read(caller, params.desktopId);
  }

  @Serve('acquireDesktop')
  acquire(@Asked() { caller, params, body }: Call<'acquireDesktop'>): Promise<AnswerOf<Routes['acquireDesktop']>> {
    return this.#desktops.acquire(caller, params.desktopId, body);
  }

  @Serve('releaseDesktop')
  release(@Asked() { caller, params, body }: Call<'releaseDesktop'>): Promise<{ epoch: number }> {
    return this.#desktops.release(caller, params.desktopId, body);
  }
}
