import { Inject, Injectable, type CanActivate, type ExecutionContext } from '@nestjs/common';
import type { Request } from 'express';
import { Fault } from '@godwit/base';
import { roles, routes, sessionCookie, type Role, type Route } from '@godwit/wire';
import { AuditLog } from '../audit/audit-log.ts';
import { OwnOrigin } from '../operators/own-origin.ts';
import { cookieOf, requireOwnPage } from '../operators/own-pages.ts';
import { Sessions, type SignedIn } from '../operators/sessions.ts';
import { bodyBytesOf } from './body.ts';
import { addressOf } from './caller.ts';
import { Limits } from './limits.ts';
import { storyOf } from './request-watch.ts';
import { routeIdOf, routeOf, type WithCaller } from './serve.ts';
import { Signatures } from './signatures.ts';

/**
 * The one guard: whom a request is from, by its route's `auth`, before any handler. With `self` the service that knows the key asks
 * {@link Signatures} itself; `url` is checked by the objects' controller; `ticket` by the stream, which takes no plain request.
 */
@Injectable()
export class RouteGuard implements CanActivate {
  readonly #signatures: Signatures;
  readonly #auditLog: AuditLog;
  readonly #origin: OwnOrigin;
  readonly #sessions: Sessions;
  readonly #limits: Limits;

  constructor(@Inject(Signatures) signatures: Signatures, @Inject(AuditLog) auditLog: AuditLog, @Inject(OwnOrigin) origin: OwnOrigin, @Inject(Sessions) sessions: Sessions, @Inject(Limits) limits: Limits) {
    [this.#signatures, this.#auditLog, this.#origin, this.#sessions, this.#limits] = [signatures, auditLog, origin, sessions, limits];
  }

  async canActivate(context: ExecutionContext): Promise<boolean> {
    const route: Route = routeOf(context);
    const request = context.switchToHttp().getRequest<Request & WithCaller>();
    const story = storyOf(request);
    story.route = routeIdOf(context);
    // A coordinator that is not what it was says so to everybody; its signed head it still shows, as evidence against itself.
    if (route.auth !== 'none' && route.path !== routes.readTreeHead.path) this.#auditLog.requireServing();
    switch (route.auth) {
      case 'host':
        request.caller = await this.#signatures.callerOf(request, bodyBytesOf(request));
        story.hostId = request.caller.hostId;
        return true;
      case 'operator':
        request.operator = await this.#operatorOf(request, route);
        return true;
      case 'visitor':
        requireOwnPage(request.method, request.headers, this.#origin.text);
        this.#limits.visitors.take(addressOf(request));
        return true;
      case 'ticket':
        throw new Fault('TICKET_REFUSED', { expected: 'a WebSocket' });
      case 'none':
      case 'self':
      case 'url':
        return true;
    }
  }

  async #operatorOf(request: Request, route: Route): Promise<SignedIn> {
    requireOwnPage(request.method, request.headers, this.#origin.text);
    const operator = await this.#sessions.find(cookieOf(request.headers, sessionCookie));
    if (operator === undefined) throw new Fault('SESSION_MISSING');
    const { role } = operator.session.operator;
    if (!reaches(role, route.role)) throw new Fault('ROLE_TOO_LOW', { expected: route.role ?? 'nobody', found: role });
    if (route.faults.includes('SESSION_STALE') && !operator.fresh) throw new Fault('SESSION_STALE');
    return operator;
  }
}

/** Nobody reaches a route that names no role. */
function reaches(role: Role, asked: Role | undefined): boolean {
  return asked !== undefined && roles.indexOf(role) >= roles.indexOf(asked);
}
