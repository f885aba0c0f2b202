import { Controller, Inject } from '@nestjs/common';
import { Asked, Serve, type Call } from '../http/serve.ts';
import { JoinsService } from './joins.service.ts';

@Controller()
export class JoinsController {
  readonly #joins: JoinsService;

  constructor(@Inject(JoinsService) joins: JoinsService) {
    this.#joins = joins;
  }

  @Serve('createJoin')
  create(@Asked() { body, request }: Call<'createJoin'>): Promise<unknown> {
    return this.#joins.create(body, request);
  }

  @Serve('readJoin')
  read(@Asked() { params, request }: Call<'readJoin'>): Promise<unknown> {
    return this.#joins.read(params.joinId, request);
  }

  @Serve('findJoin')
  find(@Asked() { caller, query }: Call<'findJoin'>): Promise<unknown> {
    return this.#joins.find(caller, query.code);
  }

  @Serve('approveJoin')
  approve(@Asked() { caller, params, body }: Call<'approveJoin'>): Promise<unknown> {
    return this.#joins.approve(caller, params.joinId, body);
  }

  @Serve('refuseJoin')
  async refuse(@Asked() { caller, params }: Call<'refuseJoin'>): Promise<unknown> {
    await this.#joins.refuse(caller, params.joinId);
    return {};
  }
}
