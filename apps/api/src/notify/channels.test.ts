import { deepEqual, equal, match, ok, rejects } from 'node:assert/strict';
import { once } from 'node:events';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { createServer, type AddressInfo } from 'node:net';
import { join } from 'node:path';
import { test } from 'node:test';
import { silentLog, systemClock } from '@godwit/base';
import { Mailbox, signatureOf, WebhookReceiver } from '../testing/receivers.ts';
import type { Notice } from './changes.ts';
import { Mail } from './mail.ts';
import { messageOf } from './message.ts';
import { notifyCommand } from './notify-command.ts';
import type { MailSettings } from './notify-settings.ts';
import { Webhook } from './webhook.ts';

const notice: Notice = { change: 'new', id: 'HOST_LOST:1', code: 'HOST_LOST', severity: 'high', text: 'laptop-ä is out of reach', nextStep: 'Find it.', sinceMs: 1, accountId: null, desktopId: null, hostId: null };
const message = messageOf({ type: 'attention', id: '0b'.repeat(16), coordinator: 'https://godwit.test', timeMs: 7, notices: [notice] });
const secret = Buffer.alloc(32, 1);
const never = new AbortController().signal;
const shortMs = 50;
const failed = (found: string) => ({ code: 'NOTIFY_FAILED', found });

/** Takes connections and says nothing. */
async function silentServer(): Promise<AsyncDisposable & { readonly port: number }> {
  const server = createServer((socket) => socket.on('error', () => undefined).resume());
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  return { port: (server.address() as AddressInfo).port, [Symbol.asyncDispose]: async () => void server.close() };
}

test('a webhook gets the message as JSON, signed over its id, its time and its bytes', async () => {
  await using receiver = await WebhookReceiver.listen();
  await new Webhook({ url: receiver.url, secret }, systemClock).tell(message, never);
  const [post] = await receiver.until(1);
  deepEqual(post!.message, message);
  deepEqual([post!.headers['content-type'], post!.headers['webhook-id'], post!.headers['webhook-signature']], ['application/json', message.id, signatureOf(post!, secret)]);
  match(String(post!.headers['webhook-timestamp']), /^[0-9]{10}$/);
  await new Webhook({ url: receiver.url, secret: undefined }, systemClock).tell(message, never);
  equal(receiver.posts[1]!.headers['webhook-signature'], undefined);
});

test('what a receiver does not take is not told, whatever it says, and its address is in no fault', async () => {
  await using receiver = await WebhookReceiver.listen();
  const webhook = new Webhook({ url: receiver.url, secret }, systemClock);
  for (const status of [301, 308, 400, 410, 429, 500]) {
    receiver.answer = (response) => response.writeHead(status, { location: `http://127.0.0.1:${receiver.url.port}/elsewhere` }).end();
    await rejects(webhook.tell(message, never), failed(`status ${status}`));
  }
  equal(receiver.posts.length, 6, 'nobody was led elsewhere');
  // More of an answer than anybody reads.
  receiver.answer = (response) => {
    response.writeHead(200);
    const more = (): void => {
      while (response.write(Buffer.alloc(16_384)));
    };
    response.on('drain', more).on('error', () => undefined);
    more();
  };
  await webhook.tell(message, never);
  const { url } = receiver;
  await receiver[Symbol.asyncDispose]();
  await rejects(new Webhook({ url, secret }, systemClock).tell(message, never), (error: Error) => error.message.includes('ECONNREFUSED') && !error.message.includes('key') && !error.message.includes('hook?'));
});

test('a receiver that never answers is not waited for, nor by whoever has to end', async () => {
  await using silent = await silentServer();
  const settings = { url: new URL(`http://127.0.0.1:${silent.port}/`), secret };
  await rejects(new Webhook(settings, systemClock, shortMs).tell(message, never), failed('no answer within 0.05 s'));
  const ends = new AbortController();
  const telling = new Webhook(settings, systemClock).tell(message, ends.signal);
  ends.abort();
  await rejects(telling, { code: 'NOTIFY_FAILED' });
});

const mailTo = (port: number, more: Partial<MailSettings> = {}): MailSettings => ({ host: '127.0.0.1', port, tls: 'as offered', auth: undefined, from: 'godwit@example.org', to: ['ada@example.org', 'bob@example.org'], ...more });

test('a mail has the message as text, an id by which it is known again, and says that no person wrote it', async () => {
  await using mailbox = await Mailbox.listen();
  await new Mail(mailTo(mailbox.port, { auth: { user: 'me', pass: 'right' } }), silentLog).tell(message, never);
  const [{ from, to, source }] = mailbox.mails as [Mailbox['mails'][number]];
  deepEqual([from, to, mailbox.logins], ['godwit@example.org', ['ada@example.org', 'bob@example.org'], ['me:right']]);
  match(source, new RegExp(`^Message-ID: <${message.id}@example\\.org>\\r$`, 'm'));
  match(source, /^Subject: \[Godwit\] 1 new \(1 high\)\r$/m);
  match(source, /^Auto-Submitted: auto-generated\r$/m);
  match(source, /^From: Godwit <godwit@example\.org>\r$/m);
  match(source.replaceAll('=\r\n', ''), /laptop-=C3=A4 is out of reach/);
});

test('one receiver that there is not keeps the others from nothing; none is a failure', async () => {
  await using mailbox = await Mailbox.listen();
  mailbox.unknown.add('ada@example.org');
  const mail = new Mail(mailTo(mailbox.port), silentLog);
  await mail.tell(message, never);
  deepEqual(mailbox.mails.map(({ to }) => to), [['bob@example.org']]);
  mailbox.unknown.add('bob@example.org');
  await rejects(mail.tell(message, never), failed('EENVELOPE 550'));
});

test('no mail and no password goes over a line that is not sealed, but on this machine', async () => {
  await using mailbox = await Mailbox.listen();
  const auth = { user: 'me', pass: 'right' };
  await rejects(new Mail(mailTo(mailbox.port, { tls: 'required', auth }), silentLog).tell(message, never), { code: 'NOTIFY_FAILED' });
  await rejects(new Mail(mailTo(mailbox.port, { tls: 'at once', auth }), silentLog).tell(message, never), { code: 'NOTIFY_FAILED' });
  deepEqual([mailbox.mails, mailbox.logins], [[], []]);
});

test('a mail server that refuses the password, is away, or says nothing is a failure', async () => {
  await using mailbox = await Mailbox.listen();
  await rejects(new Mail(mailTo(mailbox.port, { auth: { user: 'me', pass: 'wrong' } }), silentLog).tell(message, never), (error: { code: string; message: string }) => error.code === 'NOTIFY_FAILED' && error.message.includes('EAUTH 535') && !error.message.includes('wrong'));
  const { port } = mailbox;
  await mailbox[Symbol.asyncDispose]();
  await rejects(new Mail(mailTo(port), silentLog).tell(message, never), { code: 'NOTIFY_FAILED' });
  await using silent = await silentServer();
  await rejects(new Mail(mailTo(silent.port), silentLog, shortMs).tell(message, never), { code: 'NOTIFY_FAILED' });
});

test('godwit-coordinator notify --test tells each receiver, and says which did not take it', async () => {
  const folder = mkdtempSync('/tmp/godwit-n-');
  try {
    await using receiver = await WebhookReceiver.listen();
    await using mailbox = await Mailbox.listen();
    const [address, secretFile] = [join(folder, 'url'), join(folder, 'secret')];
    writeFileSync(address, receiver.url.href);
    writeFileSync(secretFile, `whsec_${secret.toString('base64')}`);
    const environment = { NOTIFY_WEBHOOK_URL_FILE: address, NOTIFY_WEBHOOK_SECRET_FILE: secretFile, NOTIFY_SMTP_URL: `smtp://127.0.0.1:${mailbox.port}`, NOTIFY_MAIL_TO: 'ada@example.org', NOTIFY_MAIL_FROM: 'godwit@example.org', GODWIT_COORDINATOR_ORIGIN: 'https://godwit.test' };
    deepEqual(await notifyCommand(['--test'], environment), { text: 'webhook: told\nmail: told\n', exitCode: 0 });
    const [post] = await receiver.until(1);
    deepEqual([post!.message.type, post!.message.coordinator, post!.headers['webhook-signature']], ['test', 'https://godwit.test', signatureOf(post!, secret)]);
    match(mailbox.mails[0]!.source, /^Subject: \[Godwit\] a test that somebody asked for\r$/m);
    receiver.answer = (response) => response.writeHead(404).end();
    const { text, exitCode } = await notifyCommand(['--test', '--json'], environment);
    const [first, second] = text.split('\n').slice(0, 2).map((line) => JSON.parse(line) as { channel: string; told: boolean; fault: { found: string } | null });
    deepEqual([exitCode, first!.channel, first!.told, first!.fault!.found, second], [1, 'webhook', false, 'status 404', { channel: 'mail', told: true, fault: null }]);
  } finally {
    rmSync(folder, { recursive: true });
  }
  ok((await notifyCommand(['--help'], {})).text.includes('NOTIFY_WEBHOOK_URL_FILE'));
  for (const [words, environment] of [[[], {}], [['--test'], {}], [['--now'], {}]] as const) await rejects(notifyCommand(words, environment), { code: 'COORDINATOR_OPTIONS' });
});
