import { Controller, Inject } from '@nestjs/common';
import { Fault } from '@godwit/base';
import type { Host } from '@godwit/wire';
import { Asked, Serve, type Call } from '../http/serve.ts';
import { HostsRepository } from './hosts.repository.ts';

@Controller()
export class HostsController {
  readonly #hosts: HostsRepository;

  constructor(@Inject(HostsRepository) hosts: HostsRepository) {
    this.#hosts = hosts;
  }

  @Serve('listHosts')
  async list(@Asked() { caller }: Call<'listHosts'>): Promise<{ hosts: Host[] }> {
    return { hosts: await this.#hosts.list(caller.accountId) };
  }

  @Serve('reportHost')
  async report(@Asked() { caller, body }: Call<'reportHost'>): Promise<Host> {
    await this.#hosts.saveReport(caller.hostId, body);
    const self = (await this.#hosts.list(caller.accountId)).find((host) => host.hostId === caller.hostId);
    if (self === undefined) throw new Fault('INTERNAL', { expected: 'the calling host in its account' });
    return self;
  }
}
