import { Controller, Inject } from '@nestjs/common';
import type { Response } from 'express';
import type { AnswerOf, Routes } from '@godwit/wire';
import { Asked, Serve, type Call } from '../http/serve.ts';
import { awaySeconds, OidcService } from './oidc.service.ts';
import { OperatorsService } from './operators.service.ts';
import { noSessionCookieHeader, oidcCookieHeader, sessionCookieHeader } from './own-pages.ts';
import { sessionSeconds, Sessions, type SignIn } from './sessions.ts';
import { SignInService } from './sign-in.service.ts';
import { Tickets } from './tickets.ts';

type Answer<Id extends keyof Routes> = Promise<AnswerOf<Routes[Id]>>;

/** Sign-in, sessions and operators, for the dashboard. */
@Controller()
export class OperatorsController {
  readonly #signIn: SignInService;
  readonly #oidc: OidcService;
  readonly #sessions: Sessions;
  readonly #operators: OperatorsService;
  readonly #tickets: Tickets;

  constructor(@Inject(SignInService) signIn: SignInService, @Inject(OidcService) oidc: OidcService, @Inject(Sessions) sessions: Sessions, @Inject(OperatorsService) operators: OperatorsService, @Inject(Tickets) tickets: Tickets) {
    [this.#signIn, this.#oidc, this.#sessions, this.#operators, this.#tickets] = [signIn, oidc, sessions, operators, tickets];
  }

  @Serve('signInWays')
  async ways(): Answer<'signInWays'> {
    return { anyOperator: await this.#signIn.anyOperator(), oidc: this.#oidc.name };
  }

  @Serve('beginEnrol')
  async beginEnrol(@Asked() { body }: Call<'beginEnrol'>): Promise<unknown> {
    return this.#signIn.beginEnrol(body.code, body.name);
  }

  @Serve('enrolOperator')
  async enrol(@Asked() { body, request, response }: Call<'enrolOperator'>): Answer<'enrolOperator'> {
    return signedIn(response, await this.#signIn.enrol(body.ceremonyId, body.response, request));
  }

  @Serve('beginSignIn')
  async beginSignIn(): Promise<unknown> {
    return this.#signIn.begin();
  }

  @Serve('signIn')
  async signIn(@Asked() { body, request, response }: Call<'signIn'>): Answer<'signIn'> {
    return signedIn(response, await this.#signIn.signIn(body.ceremonyId, body.response, request));
  }

  @Serve('beginOidc')
  async beginOidc(@Asked() { body, response }: Call<'beginOidc'>): Answer<'beginOidc'> {
    const { url, browser } = await this.#oidc.begin(body.fresh);
    response.append('Set-Cookie', oidcCookieHeader(browser, awaySeconds));
    return { url };
  }

  @Serve('signInByOidc')
  async signInByOidc(@Asked() { body, request, response }: Call<'signInByOidc'>): Answer<'signInByOidc'> {
    const signIn = await this.#oidc.signIn(body.query, request);
    response.append('Set-Cookie', oidcCookieHeader('', 0));
    return signedIn(response, signIn);
  }

  @Serve('readSession')
  async session(@Asked() { operator }: Call<'readSession'>): Answer<'readSession'> {
    return operator.session;
  }

  @Serve('signOut')
  async signOut(@Asked() { operator, response }: Call<'signOut'>): Answer<'signOut'> {
    await this.#sessions.end(operator, operator.session.sessionId);
    response.setHeader('Set-Cookie', noSessionCookieHeader);
    return {};
  }

  @Serve('listSessions')
  async sessions(@Asked() { operator }: Call<'listSessions'>): Answer<'listSessions'> {
    return { sessions: await this.#sessions.list(operator) };
  }

  @Serve('endSession')
  async endSession(@Asked() { operator, params }: Call<'endSession'>): Answer<'endSession'> {
    await this.#sessions.end(operator, params.sessionId);
    return {};
  }

  @Serve('listOperators')
  async operators(): Answer<'listOperators'> {
    return { operators: await this.#operators.list() };
  }

  @Serve('inviteOperator')
  async invite(@Asked() { operator, body }: Call<'inviteOperator'>): Answer<'inviteOperator'> {
    return this.#operators.invite(operator, body.name, body.role);
  }

  @Serve('changeRole')
  async changeRole(@Asked() { operator, params, body }: Call<'changeRole'>): Answer<'changeRole'> {
    return this.#operators.changeRole(operator, params.operatorId, body.role);
  }

  @Serve('removeOperator')
  async remove(@Asked() { operator, params }: Call<'removeOperator'>): Answer<'removeOperator'> {
    await this.#operators.remove(operator, params.operatorId);
    return {};
  }

  @Serve('listOperatorActs')
  async acts(@Asked() { query }: Call<'listOperatorActs'>): Answer<'listOperatorActs'> {
    return this.#operators.acts(query.before === undefined ? undefined : Number(query.before));
  }

  @Serve('operatorTicket')
  async ticket(@Asked() { operator }: Call<'operatorTicket'>): Answer<'operatorTicket'> {
    return this.#tickets.give(operator.session.sessionId);
  }
}

function signedIn(response: Response, { token, session }: SignIn): SignIn['session'] {
  response.append('Set-Cookie', sessionCookieHeader(token, sessionSeconds));
  return session;
}
