import { Inject, Injectable, type CanActivate, type ExecutionContext } from '@nestjs/common';
import type { Request } from 'express';
import type { WithCaller } from './serve.ts';
import { routeOf } from './serve.ts';
import { bodyBytesOf } from './body.ts';
import { Signatures } from './signatures.ts';

/**
 * The one guard. Routes with `auth: 'host'` get no further without the signature of a current host; with `self` the service
 * that knows the key asks {@link Signatures} itself; `url` is checked by the objects' controller.
 */
@Injectable()
export class SignatureGuard implements CanActivate {
  readonly #signatures: Signatures;

  constructor(@Inject(Signatures) signatures: Signatures) {
    this.#signatures = signatures;
  }

  async canActivate(context: ExecutionContext): Promise<boolean> {
    if (routeOf(context).auth !== 'host') return true;
    const request = context.switchToHttp().getRequest<Request & WithCaller>();
    request.caller = await this.#signatures.callerOf(request, bodyBytesOf(request));
    return true;
  }
}
