import type { AccountId, DesktopId, HostId } from '@godwit/base';
import type { Trx } from '../database/database.ts';
import { appendLeaf, type NewLeaf } from './append-leaf.ts';

/** What is recorded; one word per kind of change. */
export type EventKind =
  | 'account-created'
  | 'key-granted'
  | 'host-added'
  | 'host-revoked'
  | 'host-barred'
  | 'host-admitted'
  | 'join-refused'
  | 'desktop-key-added'
  | 'desktop-key-wrapped-again'
  | 'desktop-created'
  | 'desktop-acquired'
  | 'desktop-released'
  | 'desktop-taken-over'
  | 'offline-policy-saved'
  | 'checkpoint-committed'
  | 'desktop-forked'
  | 'desktop-renamed'
  | 'policy-saved'
  | 'checkpoints-dropped'
  | 'objects-deleted';

export interface RecordedEvent {
  readonly accountId: AccountId;
  readonly kind: EventKind;
  /** Whose request or policy it was; absent for what the coordinator does by itself. */
  readonly hostId?: HostId;
  readonly desktopId?: DesktopId;
  readonly detail?: Readonly<Record<string, unknown>>;
  /** What the leaf says of it; no name and no secret. */
  readonly leaf?: Pick<NewLeaf, 'subject' | 'epoch' | 'sequence' | 'digest' | 'witness'>;
}

/**
 * Appends to the account's record and to the audit log, in the transaction of what it records. There is no verb that changes or
 * removes an entry.
 */
export async function record(trx: Trx, event: RecordedEvent): Promise<void> {
  await trx
    .insertInto('events')
    .values({
      account_id: event.accountId,
      kind: event.kind,
      host_id: event.hostId ?? null,
      desktop_id: event.desktopId ?? null,
      detail: JSON.stringify(event.detail ?? {}),
    })
    .execute();
  const { accountId, kind, hostId, desktopId, leaf } = event;
  appendLeaf(trx, { accountId, kind, hostId, desktopId, ...leaf });
}
