import { sql } from 'kysely';
import type { Random } from '@godwit/base';
import type { Attention } from '@godwit/wire';
import { inTransaction, type Database, type Trx } from '../database/database.ts';
import { changesOf, type Look, type Notice, type Told } from './changes.ts';
import { messageOf, type Message } from './message.ts';

/**
 * Between what is noticed and who takes it: one message for each channel, which stays the same until its receiver has taken it. What it tells counts as told
 * only then; so what happened meanwhile is in the next one, as it stands by then, however long the receiver was away.
 */

/** A message that nobody has taken for so long is made anew: what it says may not be so any more, and its receiver may want none like it. */
const freshHours = 24;

export interface Sender {
  /** Where the dashboard is. */
  readonly origin: string;
  readonly goneAfterMs: number;
  readonly random: Random;
}

/** What this channel's receiver has to take now; undefined: nothing. */
export async function nextMessage(db: Database, channel: string, look: Look, { origin, goneAfterMs, random }: Sender): Promise<Message | undefined> {
  return inTransaction(db, async (trx) => {
    const waiting = await holdWaiting(trx, channel);
    if (waiting !== undefined) return waiting;
    const { notices, missing, back, eased } = changesOf(await readTold(trx, channel), look, goneAfterMs);
    const note = (ids: readonly string[], to: Date | null): Promise<unknown> => trx.updateTable('notified').set({ missing_at: to }).where('channel', '=', channel).where('attention_id', 'in', ids).execute();
    if (missing.length > 0) await note(missing, new Date(look.nowMs));
    if (back.length > 0) await note(back, null);
    await keepTold(trx, channel, eased);
    const message = notices.length === 0 ? undefined : messageOf({ type: 'attention', id: random(16).toString('hex'), coordinator: origin, timeMs: look.nowMs, notices });
    await keepWaiting(trx, channel, message);
    return message;
  });
}

/** Its receiver has taken it: what it says was told. Once, whoever says so how often. */
export async function settle(db: Database, channel: string, { id, notices }: Message): Promise<void> {
  await inTransaction(db, async (trx) => {
    const { numUpdatedRows } = await trx.updateTable('notify_channels').set({ message_id: null, message: null, made_at: null }).where('channel', '=', channel).where('message_id', '=', id).executeTakeFirstOrThrow();
    if (numUpdatedRows === 0n) return;
    await keepTold(trx, channel, notices.filter(({ change }) => change !== 'gone').map(entryOf));
    const gone = notices.filter(({ change }) => change === 'gone').map((notice) => notice.id);
    if (gone.length > 0) await trx.deleteFrom('notified').where('channel', '=', channel).where('attention_id', 'in', gone).execute();
  });
}

/** Whoever else wants the channel's next message waits from here to the end of the transaction. */
async function holdWaiting(trx: Trx, channel: string): Promise<Message | undefined> {
  await trx.insertInto('notify_channels').values({ channel, message_id: null, message: null, made_at: null }).onConflict((conflict) => conflict.doNothing()).execute();
  const { message, fresh } = await trx.selectFrom('notify_channels').select(['message', sql<boolean>`made_at > clock_timestamp() - make_interval(hours => ${freshHours})`.as('fresh')]).where('channel', '=', channel).forUpdate().executeTakeFirstOrThrow();
  return message !== null && fresh ? message : undefined;
}

async function keepWaiting(trx: Trx, channel: string, message: Message | undefined): Promise<void> {
  const set = message === undefined ? { message_id: null, message: null, made_at: null } : { message_id: message.id, message: JSON.stringify(message), made_at: sql<Date>`clock_timestamp()` };
  await trx.updateTable('notify_channels').set(set).where('channel', '=', channel).execute();
}

async function readTold(trx: Trx, channel: string): Promise<Told[]> {
  const rows = await trx.selectFrom('notified').select(['entry', 'missing_at']).where('channel', '=', channel).orderBy('attention_id').execute();
  return rows.map(({ entry, missing_at: missingAt }) => ({ entry, missingMs: missingAt?.getTime() ?? null }));
}

async function keepTold(trx: Trx, channel: string, entries: readonly Attention[]): Promise<void> {
  if (entries.length === 0) return;
  const rows = entries.map((entry) => ({ channel, attention_id: entry.id, entry: JSON.stringify(entry), missing_at: null }));
  await trx.insertInto('notified').values(rows).onConflict((conflict) => conflict.columns(['channel', 'attention_id']).doUpdateSet((of) => ({ entry: of.ref('excluded.entry') }))).execute();
}

function entryOf({ change: _, ...entry }: Notice): Attention {
  return entry;
}
