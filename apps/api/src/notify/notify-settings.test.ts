import { deepEqual, equal, throws } from 'node:assert/strict';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import { notifySettingsOf } from './notify-settings.ts';

describe('what the environment says of who is told', () => {
  let folder: string;
  before(() => (folder = mkdtempSync(join(tmpdir(), 'godwit-n-'))));
  after(() => rmSync(folder, { recursive: true }));
  const file = (text: string): string => {
    const path = join(folder, 'file');
    writeFileSync(path, text);
    return path;
  };
  const mailed = { NOTIFY_MAIL_TO: 'ada@example.org, bob@example.org', NOTIFY_MAIL_FROM: 'godwit@example.org' };

  test('nothing is nobody, and what systemd sets is not ours', () => {
    deepEqual(notifySettingsOf({ NOTIFY_SOCKET: '/run/systemd/notify', NOTIFY_WEBHOOK_URL: '' }), {});
  });

  test('a webhook, with its secret in a file, and its address in one', () => {
    const secret = Buffer.alloc(32, 7);
    const { webhook } = notifySettingsOf({ NOTIFY_WEBHOOK_URL: 'https://hooks.example.org/a?b=c', NOTIFY_WEBHOOK_SECRET_FILE: file(`whsec_${secret.toString('base64')}\n`) });
    deepEqual([webhook!.url.href, webhook!.secret], ['https://hooks.example.org/a?b=c', secret]);
    const named = notifySettingsOf({ NOTIFY_WEBHOOK_URL_FILE: file('http://127.0.0.1:9/x\n') }).webhook!;
    deepEqual([named.url.href, named.secret], ['http://127.0.0.1:9/x', undefined]);
  });

  test('a server for mails: TLS at once, or before anything else, but on this machine as it is offered', () => {
    const mail = (url: string) => notifySettingsOf({ ...mailed, NOTIFY_SMTP_URL: url }).mail!;
    deepEqual(mail('smtps://me:p%40ss@mail.example.org'), { host: 'mail.example.org', port: 465, tls: 'at once', auth: { user: 'me', pass: 'p@ss' }, from: 'godwit@example.org', to: ['ada@example.org', 'bob@example.org'] });
    deepEqual([mail('smtp://mail.example.org:2525').port, mail('smtp://mail.example.org').port, mail('smtp://mail.example.org').tls, mail('smtp://localhost').tls], [2525, 587, 'required', 'as offered']);
    deepEqual([mail('smtp://[::1]:25').host, mail('smtp://[::1]:25').auth], ['::1', undefined]);
  });

  const wrong: Record<string, NodeJS.ProcessEnv> = {
    'plain http to elsewhere': { NOTIFY_WEBHOOK_URL: 'http://hooks.example.org/' },
    'a password in an address': { NOTIFY_WEBHOOK_URL: 'https://me:secret@hooks.example.org/' },
    'no URL': { NOTIFY_WEBHOOK_URL: 'secret hooks' },
    'a file that is not there': { NOTIFY_WEBHOOK_URL_FILE: '/nowhere' },
    'a file and an address': { NOTIFY_WEBHOOK_URL: 'https://a.example.org/', NOTIFY_WEBHOOK_URL_FILE: '/nowhere' },
    'a secret for nothing': { NOTIFY_WEBHOOK_SECRET_FILE: '/nowhere' },
    'receivers without a server': mailed,
    'a server without receivers': { NOTIFY_SMTP_URL: 'smtps://mail.example.org', NOTIFY_MAIL_FROM: 'a@example.org' },
    'a server without a sender': { NOTIFY_SMTP_URL: 'smtps://mail.example.org', NOTIFY_MAIL_TO: 'a@example.org' },
    'a receiver that is none': { NOTIFY_SMTP_URL: 'smtps://mail.example.org', ...mailed, NOTIFY_MAIL_TO: 'Ada <ada@example.org>' },
    'more receivers than there may be': { NOTIFY_SMTP_URL: 'smtps://mail.example.org', ...mailed, NOTIFY_MAIL_TO: Array.from({ length: 21 }, (_, n) => `a${n}@example.org`).join(',') },
    'a name without a password': { NOTIFY_SMTP_URL: 'smtps://me@mail.example.org', ...mailed },
    'another kind of server': { NOTIFY_SMTP_URL: 'https://me:secret@mail.example.org', ...mailed },
    'a name that there is not': { NOTIFY_WEBHOOK: 'https://a.example.org/secret' },
  };
  for (const [what, environment] of Object.entries(wrong)) {
    test(`${what} is refused, and shows no secret`, () => throws(() => notifySettingsOf(environment), (error: { code: string; message: string }) => error.code === 'COORDINATOR_OPTIONS' && !error.message.includes('secret')));
  }

  test('a secret that is too short, or none, is refused', () => {
    for (const text of ['', 'whsec_c2hvcnQ=', 'whsec_', 'not base64!', `whsec_${Buffer.alloc(65).toString('base64')}`]) {
      throws(() => notifySettingsOf({ NOTIFY_WEBHOOK_URL: 'https://a.example.org/', NOTIFY_WEBHOOK_SECRET_FILE: file(text) }), { code: 'COORDINATOR_OPTIONS' }, text);
    }
    equal(notifySettingsOf({ NOTIFY_WEBHOOK_URL: 'https://a.example.org/', NOTIFY_WEBHOOK_SECRET_FILE: file(Buffer.alloc(24).toString('base64')) }).webhook!.secret!.length, 24);
  });
});
