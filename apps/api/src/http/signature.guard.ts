import { Inject, Injectable, type CanActivate, type ExecutionContext } from '@nestjs/common';
import type { Request } from 'express';
import { Fault } from '@godwit/base';
import { routes, type Route } from '@godwit/wire';
import type { WithCaller } from './serve.ts';
import { routeOf } from './serve.ts';
import { bodyBytesOf } from './body.ts';
import { Signatures } from './signatures.ts';
import { AuditLog } from '../audit/audit-log.ts';

/**
 * The one guard. Routes with `auth: 'host'` get no further without the signature of a current host; with `self` the service
 * that knows the key asks {@link Signatures} itself; `url` is checked by the objects' controller.
 */
@Injectable()
export class SignatureGuard implements CanActivate {
  readonly #signatures: Signatures;
  readonly #auditLog: AuditLog;

  constructor(@Inject(Signatures) signatures: Signatures, @Inject(AuditLog) auditLog: AuditLog) {
    this.#signatures = signatures;
    this.#auditLog = auditLog;
  }

  async canActivate(context: ExecutionContext): Promise<boolean> {
    const route: Route = routeOf(context);
    // A coordinator that is not what it was says so to everybody; its signed head it still shows, as evidence against itself.
    if (route.auth !== 'none' && route.path !== routes.readTreeHead.path) this.#auditLog.requireServing();
    if (route.auth === 'operator' || route.auth === 'visitor' || route.auth === 'ticket') throw new Fault('SESSION_MISSING');
    if (route.auth !== 'host') return true;
    const request = context.switchToHttp().getRequest<Request & WithCaller>();
    request.caller = await this.#signatures.callerOf(request, bodyBytesOf(request));
    return true;
  }
}
