import { deepEqual, equal, notEqual } from 'node:assert/strict';
import { describe, it } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { sql } from 'kysely';
import { silentLog, systemRandom } from '@godwit/base';
import type { Attention } from '@godwit/wire';
import { openDatabase, type Database } from '../database/database.ts';
import { Mailbox, WebhookReceiver } from '../testing/receivers.ts';
import { newDatabaseUrl } from '../testing/shared-cluster.ts';
import { createDesktop, enrol, raiseStage } from '../testing/stage.ts';
import type { Look } from './changes.ts';
import type { Message } from './message.ts';
import { nextMessage, settle } from './outbox.ts';

/** Only what tells outside is done again and again; something is gone when two looks in a row did not find it. */
const upkeep = { tellEveryMs: 20, againMs: 5, goneAfterMs: 1 };
const mailSettings = (mailbox: Mailbox) => ({ host: '127.0.0.1', port: mailbox.port, tls: 'as offered', auth: undefined, from: 'godwit@example.org', to: ['ada@example.org'] }) as const;

/** A database past its coordinator. */
async function openAside(databaseUrl: string): Promise<Database & AsyncDisposable> {
  const db = openDatabase({ url: databaseUrl }, silentLog);
  return Object.assign(db, { [Symbol.asyncDispose]: () => db.destroy() });
}

/** What was told, but for the disk of this machine, which may be nearly full. */
const heard = (messages: readonly Message[]): string[] => messages.flatMap(({ notices }) => notices).filter(({ code }) => code !== 'STORE_FILLING').map(({ change, code }) => `${change} ${code}`);

/** Until the job has ended well so many times more. */
async function rounds(db: Database, job: string, count: number): Promise<void> {
  const done = async (): Promise<number> => (await db.selectFrom('job_runs').select(sql<number>`count(*)`.as('count')).where('job', '=', job).where('state', '=', 'done').executeTakeFirstOrThrow()).count;
  const before = await done();
  while ((await done()) < before + count) await sleep(10);
}

describe('what needs a person', () => {
  it('is told outside once when it is new and once when it is gone, and not while somebody takes care of it', async () => {
    await using receiver = await WebhookReceiver.listen();
    await using mailbox = await Mailbox.listen();
    const databaseUrl = await newDatabaseUrl();
    await using stage = await raiseStage({ databaseUrl, upkeep, notify: { webhook: { url: receiver.url, secret: undefined }, mail: mailSettings(mailbox) } });
    await using db = await openAside(databaseUrl);
    const { client } = await enrol(stage.coordinator, 'anna-pc');
    const told = (): string[] => heard(receiver.posts.map(({ message }) => message));
    const until = async (count: number): Promise<void> => {
      while (told().length < count) await sleep(10);
    };
    await createDesktop(client, 'work');
    await sql`update desktops set created_at = now() - interval '3 days'`.execute(db);
    await until(1);
    await mailbox.until('has never been saved');
    await rounds(db, 'tell-webhook', 2);
    deepEqual(told(), ['new DESKTOP_UNPROTECTED']);
    equal(receiver.posts[0]!.message.coordinator, stage.coordinator.origin);
    await sql`update desktops set created_at = now()`.execute(db);
    await until(2);
    const desktopId = await createDesktop(client, 'play');
    const { account_id: accountId } = await db.selectFrom('accounts').select('account_id').executeTakeFirstOrThrow();
    await db.insertInto('attention_acknowledged').values({ attention_id: `DESKTOP_UNPROTECTED:${accountId}:${desktopId}`, operator_name: 'Ada', severity: 'high' }).execute();
    await sql`update desktops set created_at = now() - interval '3 days' where desktop_id = ${desktopId}`.execute(db);
    await rounds(db, 'tell-webhook', 2);
    deepEqual(told(), ['new DESKTOP_UNPROTECTED', 'gone DESKTOP_UNPROTECTED']);
    await db.deleteFrom('attention_acknowledged').execute();
    await until(3);
    equal(told()[2], 'new DESKTOP_UNPROTECTED');
  });

  it('is told by mail while the webhook is away, which gets the same message again and again until it takes it', async () => {
    await using receiver = await WebhookReceiver.listen();
    await using mailbox = await Mailbox.listen();
    receiver.answer = (response) => response.writeHead(500).end();
    const databaseUrl = await newDatabaseUrl();
    await using stage = await raiseStage({ databaseUrl, upkeep, metrics: { host: '127.0.0.1', port: 0 }, notify: { webhook: { url: receiver.url, secret: undefined }, mail: mailSettings(mailbox) } });
    await using db = await openAside(databaseUrl);
    const { client } = await enrol(stage.coordinator, 'anna-pc');
    await createDesktop(client, 'work');
    await sql`update desktops set created_at = now() - interval '3 days'`.execute(db);
    await mailbox.until('tell-webhook of the coordinator was given up: NOTIFY_FAILED');
    await mailbox.until('has never been saved');
    const figure = async (channel: string, outcome: string): Promise<string | undefined> =>
      new RegExp(`^godwit_notifications_total\\{channel="${channel}",outcome="${outcome}"\\} ([0-9]+)$`, 'm').exec(await (await fetch(stage.coordinator.metricsUrl!)).text())?.[1];
    // The coordinator hears a moment after the mail's receiver that it was taken.
    while ((await figure('mail', 'told')) === '0') await sleep(10);
    deepEqual([await figure('webhook', 'told'), Number(await figure('webhook', 'failed')) >= 5, await figure('mail', 'failed')], ['0', true, '0']);
    const waiting = new Set(receiver.posts.map(({ message }) => message.id));
    equal(waiting.size, 1);
    receiver.answer = (response) => response.writeHead(204).end();
    while ((await db.selectFrom('dead_letters').selectAll().execute()).length > 0) await sleep(10);
    await rounds(db, 'tell-webhook', 1);
    const taken = receiver.posts.filter(({ message }) => waiting.has(message.id)).at(-1)!.message;
    deepEqual(heard([taken, ...receiver.posts.map(({ message }) => message).filter(({ id }) => !waiting.has(id))]).filter((what) => what.endsWith('DESKTOP_UNPROTECTED')), ['new DESKTOP_UNPROTECTED']);
  });
});

describe('the message of a channel', () => {
  const entry = (id: string): Attention => ({ id, code: 'JOB_FAILED', severity: 'medium', text: id, nextStep: 'x', sinceMs: 1, accountId: null, desktopId: null, hostId: null });
  const look = (...ids: string[]): Look => ({ list: ids.map((id) => ({ ...entry(id), acknowledged: null })), isCut: false, nowMs: 1_800_000_000_000 });
  const sender = { origin: 'https://godwit.test', goneAfterMs: 0, random: systemRandom };
  const said = (message: Message | undefined): string[] | undefined => message?.notices.map(({ change, id }) => `${change} ${id}`);

  it('stays the same until it was taken, whoever asks, and what happened meanwhile is in the next one', async () => {
    const databaseUrl = await newDatabaseUrl();
    await using _stage = await raiseStage({ databaseUrl });
    await using db = await openAside(databaseUrl);
    const next = (of: Look, channel = 'webhook') => nextMessage(db, channel, of, sender);
    equal(await next(look()), undefined);
    // As many replicas at once, with what each of them sees.
    const all = await Promise.all(['a', 'b', 'c', 'd', 'e', 'f'].map((id) => next(look(id))));
    const [first] = all as [Message];
    equal(new Set(all.map((message) => message?.id)).size, 1);
    deepEqual(await next(look('x', 'y')), first, 'nobody has said that it was taken: as after kill -9');
    deepEqual(said(await next(look('x'), 'mail')), ['new x'], 'channels have nothing to do with each other');
    await settle(db, 'webhook', first);
    await settle(db, 'webhook', first);
    const { id } = first.notices[0]!;
    const second = (await next(look(id, 'x')))!;
    deepEqual(said(second), ['new x']);
    await settle(db, 'webhook', first);
    deepEqual(await next(look(id, 'x')), second, 'a late word about the one before settles nothing');
    await settle(db, 'webhook', second);
    equal(await next(look(id, 'x')), undefined);
    equal(await next(look('x')), undefined);
    deepEqual(said(await next(look('x'))), [`gone ${id}`]);
  });

  it('is made anew when nobody has taken it for a day, and loses nothing', async () => {
    const databaseUrl = await newDatabaseUrl();
    await using _stage = await raiseStage({ databaseUrl });
    await using db = await openAside(databaseUrl);
    const first = (await nextMessage(db, 'webhook', look('a', 'b'), sender))!;
    await sql`update notify_channels set made_at = now() - interval '25 hours'`.execute(db);
    const second = (await nextMessage(db, 'webhook', look('b', 'c'), sender))!;
    notEqual(second.id, first.id);
    deepEqual(said(second), ['new b', 'new c']);
    await sql`update notify_channels set made_at = now() - interval '25 hours'`.execute(db);
    equal(await nextMessage(db, 'webhook', look(), sender), undefined, 'nothing of it is so any more');
  });
});
