import type { ColumnType, Generated, JSONColumnType } from 'kysely';
import type { AccountId, CommitId, DesktopId, HostId, JoinId } from '@godwit/base';
import type { Attention, HostReport, MoveReport, OfflineMode, Role } from '@godwit/wire';
import type { Message } from '../notify/message.ts';

/** The tables as queries see them. Their SQL is in migrations.ts; what the columns mean stands there. */

type Timestamp = ColumnType<Date, Date | undefined, Date>;
/** bigint columns hold epochs, sequence numbers, sizes and times, all below 2^53: the pool's parser checks that. */
type BigInteger = number;

export interface CoordinatorTable {
  only_row: true;
  audience: string;
  log_seed: Buffer | null;
  /** Of coordinators that know no replicas: null says to them that none of theirs counts. */
  lease_keeper: string | null;
  /** The memories of renewals that count, and how many have ended. */
  lease_keepers: Generated<string[]>;
  lease_keepers_ended: Generated<BigInteger>;
  origin: string | null;
  /** Of accounts that have none of their own. */
  desktops_quota: Generated<number>;
  bytes_quota: Generated<BigInteger>;
  moves_per_hour_quota: Generated<number>;
  /** The store whose objects were looked for last, and the last one that was; null: all of them were. */
  store_place: string | null;
  store_looked_to: BigInteger | null;
}

export interface AccountsTable {
  account_id: AccountId;
  chain_length: number;
  created_at: Generated<Date>;
}

/** Null: the coordinator's. */
export interface AccountQuotasTable {
  account_id: AccountId;
  desktops: number | null;
  bytes: BigInteger | null;
  moves_per_hour: number | null;
  /** Of all its objects; the database itself counts them. */
  used_bytes: Generated<BigInteger>;
  /** As quotas/allowance.ts has it. */
  moves_until_ms: Generated<number>;
}

export interface ChainEntriesTable {
  account_id: AccountId;
  position: number;
  entry: Buffer;
}

export interface HostsTable {
  host_id: HostId;
  account_id: AccountId;
  name: string;
  sign_public: Buffer;
  box_public: Buffer;
  current: boolean;
  joined_at: Generated<Date>;
  last_contact_at: Date | null;
  report: JSONColumnType<HostReport> | null;
  /** Since when an operator keeps it out. */
  barred_at: Date | null;
  barred_reason: string | null;
}

export interface GrantsTable {
  account_id: AccountId;
  recipient: string;
  generation: BigInteger;
  bytes: Buffer;
}

export interface JoinsTable {
  join_id: JoinId;
  host_id: HostId;
  code: string;
  name: string;
  sign_public: Buffer;
  box_public: Buffer;
  state: 'pending' | 'approved' | 'refused';
  account_id: AccountId | null;
  asked_at: Generated<Date>;
  address: Generated<string>;
  system: Generated<string>;
  expires_at: Date;
}

export interface DesktopsTable {
  account_id: AccountId;
  desktop_id: DesktopId;
  name: string;
  /** Who got the current epoch; still named after the release, so that a repeated release is recognised. */
  holder_id: HostId;
  /** Whether the holder still has the lease. */
  held: boolean;
  epoch: BigInteger;
  head_sequence: BigInteger | null;
  /** Under which the current epoch is held. */
  offline: Generated<OfflineMode>;
  created_at: Generated<Date>;
  /** When its head was acknowledged. */
  durable_at: Date | null;
}

export interface OfflinePoliciesTable {
  account_id: AccountId;
  desktop_id: DesktopId;
  bytes: Buffer;
  host_id: HostId;
  signed_ms: BigInteger;
}

export interface WrappedKeysTable {
  account_id: AccountId;
  desktop_id: DesktopId;
  generation: BigInteger;
  bytes: Buffer;
}

export interface CheckpointsTable {
  account_id: AccountId;
  desktop_id: DesktopId;
  sequence: BigInteger;
  digest: Buffer;
  parent: Buffer | null;
  epoch: BigInteger;
  host_id: HostId;
  commit_id: CommitId;
  manifest: Buffer;
  stored_bytes: BigInteger;
  created_ms: BigInteger;
  released: boolean;
  acknowledged_at: Timestamp;
  /** Its manifest's and its packs' objects; null for one that was committed before they were kept on record. */
  object_ids: BigInteger[] | null;
  /** Set once, by prune: from then on the row only answers a repeated commit. */
  dropped_at: Date | null;
}

export interface ObjectsTable {
  account_id: AccountId;
  object_key: string;
  length_bytes: BigInteger;
  sha256: Buffer;
  stored_at: Generated<Date>;
  /** False: a host may put it, past the coordinator, and no commit has asked for it yet. */
  stored: Generated<boolean>;
  object_id: Generated<BigInteger>;
  /** Some checkpoint was committed with it. */
  committed: Generated<boolean>;
  /** Since when no checkpoint needs it, and its desktop's epoch at that time. */
  condemned_at: Date | null;
  condemned_epoch: BigInteger | null;
  /** Its deletion has begun: no commit may name it. */
  deleting_at: Date | null;
  refused_at: Date | null;
  refusal: string | null;
  /** For which it was written; null for a key of another form. */
  desktop_id: ColumnType<DesktopId | null, never, never>;
}

export interface PoliciesTable {
  account_id: AccountId;
  desktop_id: DesktopId;
  bytes: Buffer;
  host_id: HostId;
  signed_ms: BigInteger;
}

export interface ScrubsTable {
  account_id: AccountId;
  object_key: string;
  looked_at: Date;
  finding: 'missing' | 'length' | 'digest' | null;
}

export interface RequestNoncesTable {
  host_id: HostId;
  nonce: Buffer;
  expires_at: Date;
}

export interface EventsTable {
  event_id: Generated<BigInteger>;
  account_id: AccountId;
  kind: string;
  host_id: HostId | null;
  desktop_id: DesktopId | null;
  detail: JSONColumnType<Record<string, unknown>>;
  recorded_at: Generated<Date>;
}

export interface AuditLogTable {
  only_row: true;
  size: BigInteger;
  peaks: Buffer;
}

export interface AuditLeavesTable {
  leaf_index: BigInteger;
  account_id: AccountId;
  kind: string;
  desktop_id: DesktopId | null;
  number: BigInteger | null;
  bytes: Buffer;
}

export interface AuditNodesTable {
  level: number;
  position: BigInteger;
  hash: Buffer;
}

export interface OperatorsTable {
  operator_id: string;
  name: string;
  role: Role;
  created_at: Generated<Date>;
  last_seen_at: Date | null;
  issuer: string | null;
  subject: string | null;
}

export interface PasskeysTable {
  credential_id: Buffer;
  operator_id: string;
  public_key: Buffer;
  counter: BigInteger;
  transports: string[];
  created_at: Generated<Date>;
  last_used_at: Date | null;
}

export interface InvitesTable {
  code_digest: Buffer;
  operator_id: string | null;
  name: string | null;
  role: Role;
  expires_at: Date;
}

export interface SessionsTable {
  session_id: string;
  token_digest: Buffer;
  operator_id: string;
  agent: string;
  started_at: Generated<Date>;
  last_seen_at: Generated<Date>;
  fresh_at: Generated<Date>;
}

export interface OperatorActsTable {
  act_id: Generated<BigInteger>;
  done_at: Generated<Date>;
  /** Null: whoever has the coordinator's machine. */
  operator_id: string | null;
  /** As it was then. */
  operator_name: string | null;
  act: string;
  subject: string;
  detail: JSONColumnType<Record<string, string>>;
}

export interface AttentionAcknowledgedTable {
  attention_id: string;
  operator_name: string;
  severity: 'low' | 'medium' | 'high';
  acknowledged_at: Generated<Date>;
}

export interface MovesTable {
  account_id: AccountId;
  desktop_id: DesktopId;
  move_id: string;
  host_id: HostId;
  epoch: BigInteger;
  kind: MoveReport['kind'];
  state: Exclude<MoveReport['state'], 'lost'>;
  sequence: BigInteger | null;
  told: JSONColumnType<MoveReport>;
  started_at: Generated<Date>;
  told_at: Timestamp;
  advanced_at: Timestamp;
}

export interface JobRunsTable {
  run_id: Generated<BigInteger>;
  job: string;
  started_at: Generated<Date>;
  ended_at: Timestamp | null;
  state: 'running' | 'done' | 'failed';
  figures: ColumnType<Record<string, number>, string | undefined, string>;
  fault: string | null;
  /** When its job is due again; null while it runs, and of one that was cut off. */
  again_at: Timestamp | null;
  /** At which it runs; null for one of a version that knew no replicas. */
  replica: string | null;
}

export interface DeadLettersTable {
  job: string;
  fault: string;
  /** How often it was given up since it last ended well. */
  times: Generated<number>;
  first_at: Generated<Date>;
  last_at: Generated<Date>;
  /** An operator had it tried again since; by name, as it was then. */
  asked_at: Date | null;
  asked_by: string | null;
  /** At the coordinator's machine, and no coordinator has begun it yet. */
  wanted: Generated<boolean>;
}

export interface NotifyChannelsTable {
  channel: string;
  message_id: string | null;
  message: ColumnType<Message | null, string | null, string | null>;
  made_at: Timestamp | null;
}

export interface NotifiedTable {
  channel: string;
  attention_id: string;
  entry: JSONColumnType<Attention>;
  missing_at: Date | null;
}

/** Each place to which objects were ever copied. */
export interface SecondBucketsTable {
  bucket_id: Generated<number>;
  place: string;
  first_at: Generated<Date>;
}

/** What may lie in a second bucket; second-bucket/copies.ts says what the times mean together. */
export interface SecondCopiesTable {
  account_id: AccountId;
  object_key: string;
  bucket_id: number;
  length_bytes: BigInteger;
  copied_at: Date | null;
  /** Since when the store has no such object. */
  gone_at: Date | null;
  removing_at: Date | null;
}

export interface StoreDaysTable {
  day: Date;
  live_bytes: BigInteger;
  dead_bytes: BigInteger;
  objects: BigInteger;
}

export interface Schema {
  coordinator: CoordinatorTable;
  accounts: AccountsTable;
  account_quotas: AccountQuotasTable;
  chain_entries: ChainEntriesTable;
  hosts: HostsTable;
  grants: GrantsTable;
  joins: JoinsTable;
  desktops: DesktopsTable;
  offline_policies: OfflinePoliciesTable;
  wrapped_keys: WrappedKeysTable;
  checkpoints: CheckpointsTable;
  objects: ObjectsTable;
  policies: PoliciesTable;
  scrubs: ScrubsTable;
  request_nonces: RequestNoncesTable;
  events: EventsTable;
  audit_log: AuditLogTable;
  audit_leaves: AuditLeavesTable;
  audit_nodes: AuditNodesTable;
  operators: OperatorsTable;
  passkeys: PasskeysTable;
  invites: InvitesTable;
  sessions: SessionsTable;
  operator_acts: OperatorActsTable;
  attention_acknowledged: AttentionAcknowledgedTable;
  moves: MovesTable;
  job_runs: JobRunsTable;
  dead_letters: DeadLettersTable;
  second_buckets: SecondBucketsTable;
  second_copies: SecondCopiesTable;
  notify_channels: NotifyChannelsTable;
  notified: NotifiedTable;
  store_days: StoreDaysTable;
}
