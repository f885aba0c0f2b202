import { Controller, Inject } from '@nestjs/common';
import { Asked, Serve, type Call } from '../http/serve.ts';
import { ObjectsService } from './objects.service.ts';

/** Signed URLs; what they are good for is in object-requests.ts. */
@Controller()
export class ObjectsController {
  readonly #objects: ObjectsService;

  constructor(@Inject(ObjectsService) objects: ObjectsService) {
    this.#objects = objects;
  }

  @Serve('mintUrls')
  mint(@Asked() { caller, params, body }: Call<'mintUrls'>): Promise<unknown> {
    return this.#objects.mint(caller, params.desktopId, body);
  }
}
