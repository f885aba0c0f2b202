import { Controller, Inject } from '@nestjs/common';
import { Fault } from '@godwit/base';
import type { Host } from '@godwit/wire';
import { Asked, Serve, type Call } from '../http/serve.ts';
import { OperatorsHub } from '../operators/operators-hub.ts';
import { HostsRepository } from './hosts.repository.ts';

@Controller()
export class HostsController {
  readonly #hosts: HostsRepository;
  readonly #news: OperatorsHub;

  constructor(@Inject(HostsRepository) hosts: HostsRepository, @Inject(OperatorsHub) news: OperatorsHub) {
    [this.#hosts, this.#news] = [hosts, news];
  }

  @Serve('listHosts')
  async list(@Asked() { caller }: Call<'listHosts'>): Promise<{ hosts: Host[] }> {
    return { hosts: await this.#hosts.list(caller.accountId) };
  }

  @Serve('reportHost')
  async report(@Asked() { caller, body }: Call<'reportHost'>): Promise<Host> {
    await this.#hosts.saveReport(caller.hostId, body);
    this.#news.publish({ type: 'host-changed', accountId: caller.accountId, hostId: caller.hostId });
    const self = (await this.#hosts.list(caller.accountId)).find((host) => host.hostId === caller.hostId);
    if (self === undefined) throw new Fault('INTERNAL', { expected: 'the calling host in its account' });
    return self;
  }
}
