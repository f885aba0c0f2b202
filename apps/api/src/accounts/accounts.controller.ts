import { Controller, Inject } from '@nestjs/common';
import { Asked, Serve, type Call } from '../http/serve.ts';
import { AccountsRepository } from './accounts.repository.ts';
import { AccountsService } from './accounts.service.ts';

@Controller()
export class AccountsController {
  readonly #service: AccountsService;
  readonly #accounts: AccountsRepository;

  constructor(@Inject(AccountsService) service: AccountsService, @Inject(AccountsRepository) accounts: AccountsRepository) {
    this.#service = service;
    this.#accounts = accounts;
  }

  @Serve('createAccount')
  create(@Asked() { body, request }: Call<'createAccount'>): Promise<unknown> {
    return this.#service.create(body, request);
  }

  @Serve('readChain')
  readChain(@Asked() { caller, query }: Call<'readChain'>): Promise<unknown> {
    return this.#accounts.readChain(caller.accountId, Number(query.from ?? 0));
  }

  @Serve('appendChain')
  append(@Asked() { caller, body }: Call<'appendChain'>): Promise<unknown> {
    return this.#service.append(caller, body);
  }

  @Serve('listGrants')
  async listGrants(@Asked() { caller }: Call<'listGrants'>): Promise<unknown> {
    return { grants: await this.#accounts.listGrants(caller.accountId, caller.hostId) };
  }
}
