import type { AccountId, HostId } from '@godwit/base';

/** Who signed a request, as the guard established it. */
export interface Caller {
  readonly accountId: AccountId;
  readonly hostId: HostId;
  readonly name: string;
  readonly signPublic: Buffer;
}
