import { Controller, Inject } from '@nestjs/common';
import type { AnswerOf, OperatorHost, Routes, Trust } from '@godwit/wire';
import { Asked, Serve, type Call } from '../http/serve.ts';
import { OperatorHostsService } from './operator-hosts.service.ts';

@Controller()
export class OperatorHostsController {
  readonly #hosts: OperatorHostsService;

  constructor(@Inject(OperatorHostsService) hosts: OperatorHostsService) {
    this.#hosts = hosts;
  }

  @Serve('listAllHosts')
  list(@Asked() { query }: Call<'listAllHosts'>): Promise<AnswerOf<Routes['listAllHosts']>> {
    return this.#hosts.list(query);
  }

  @Serve('barHost')
  bar(@Asked() { operator, params, body }: Call<'barHost'>): Promise<OperatorHost> {
    return this.#hosts.bar(operator.session.operator, params.hostId, body);
  }

  @Serve('readTrust')
  trust(@Asked() { params }: Call<'readTrust'>): Promise<Trust> {
    return this.#hosts.trust(params.accountId);
  }
}
