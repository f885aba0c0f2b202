import { Controller, Inject } from '@nestjs/common';
import type { AnswerOf, Desktop, Holding, Routes } from '@godwit/wire';
import { Asked, Serve, type Call } from '../http/serve.ts';
import { LeasesService } from './leases.service.ts';

@Controller()
export class LeasesController {
  readonly #leases: LeasesService;

  constructor(@Inject(LeasesService) leases: LeasesService) {
    this.#leases = leases;
  }

  @Serve('renewLeases')
  async renew(@Asked() { caller, body }: Call<'renewLeases'>): Promise<AnswerOf<Routes['renewLeases']>> {
    return { leases: await this.#leases.renew(caller, body) };
  }

  @Serve('readHolding')
  holding(@Asked() { caller, params }: Call<'readHolding'>): Promise<Holding> {
    return this.#leases.holding(caller, params.desktopId);
  }

  @Serve('askDeparture')
  ask(@Asked() { caller, params, body }: Call<'askDeparture'>): Promise<Holding> {
    return this.#leases.ask(caller, params.desktopId, body);
  }

  @Serve('tellDeparture')
  async tell(@Asked() { caller, params, body }: Call<'tellDeparture'>): Promise<AnswerOf<Routes['tellDeparture']>> {
    await this.#leases.tell(caller, params.desktopId, body);
    return {};
  }

  @Serve('askArrival')
  askArrival(@Asked() { caller, params, body }: Call<'askArrival'>): Promise<AnswerOf<Routes['askArrival']>> {
    return this.#leases.askArrival(caller, params.desktopId, body);
  }

  @Serve('tellArrival')
  async tellArrival(@Asked() { caller, params, body }: Call<'tellArrival'>): Promise<AnswerOf<Routes['tellArrival']>> {
    await this.#leases.tellArrival(caller, params.desktopId, body);
    return {};
  }

  @Serve('takeOverDesktop')
  takeOver(@Asked() { caller, params, body }: Call<'takeOverDesktop'>): Promise<AnswerOf<Routes['takeOverDesktop']>> {
    return this.#leases.takeOver(caller, params.desktopId, body);
  }

  @Serve('saveOfflinePolicy')
  saveOfflinePolicy(@Asked() { caller, params, body }: Call<'saveOfflinePolicy'>): Promise<Desktop> {
    return this.#leases.saveOfflinePolicy(caller, params.desktopId, body);
  }
}
