import type { Request } from 'express';
import type { AccountId, HostId } from '@godwit/base';

/** Who signed a request, as the guard established it. */
export interface Caller {
  readonly accountId: AccountId;
  readonly hostId: HostId;
  readonly name: string;
  readonly signPublic: Buffer;
}

/** Where a request comes from, to be counted by. Behind a proxy that is the proxy's: what it says of others is not believed. */
export function addressOf(request: Request): string {
  return request.socket.remoteAddress ?? 'unknown';
}
