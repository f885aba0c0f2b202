import { readFileSync } from 'node:fs';
import { Fault } from '@godwit/base';
import { isThisMachine } from '../operators/oidc-options.ts';

/** Who is told outside of what needs a person. Addresses are the operator's own words, from the environment: nobody who asks a coordinator can name one. */

export interface WebhookSettings {
  readonly url: URL;
  /** With which messages are signed; undefined: they are not. */
  readonly secret: Buffer | undefined;
}

export interface MailSettings {
  readonly host: string;
  readonly port: number;
  /** `required`: STARTTLS or nothing; `as offered` only on this machine. */
  readonly tls: 'at once' | 'required' | 'as offered';
  readonly auth: { readonly user: string; readonly pass: string } | undefined;
  readonly from: string;
  /** 1 to 20 of them. */
  readonly to: readonly string[];
}

export interface NotifySettings {
  readonly webhook?: WebhookSettings;
  readonly mail?: MailSettings;
}

export const notifyUsage = `  NOTIFY_WEBHOOK_URL     messages are posted there as JSON (or NOTIFY_WEBHOOK_URL_FILE, a file with it)
  NOTIFY_WEBHOOK_SECRET_FILE  a file with the secret they are signed with: whsec_ and 24 to 64 bytes in base64
  NOTIFY_SMTP_URL        smtps://USER:PASSWORD@HOST or smtp://..., for mails (or NOTIFY_SMTP_URL_FILE, a file with it)
  NOTIFY_MAIL_TO         their receivers, with commas between them
  NOTIFY_MAIL_FROM       their sender
`;

const names = ['NOTIFY_WEBHOOK_URL', 'NOTIFY_WEBHOOK_URL_FILE', 'NOTIFY_WEBHOOK_SECRET_FILE', 'NOTIFY_SMTP_URL', 'NOTIFY_SMTP_URL_FILE', 'NOTIFY_MAIL_TO', 'NOTIFY_MAIL_FROM'] as const;
type Name = (typeof names)[number];
const fileMaxBytes = 4096;
const secretMinBytes = 24;
const secretMaxBytes = 64;
const receiversMax = 20;
const addressPattern = /^[^\s@,<>"\p{C}]{1,64}@[A-Za-z0-9.-]{1,253}$/u;
const ports = { 'smtp:': 587, 'smtps:': 465 } as const;

/** Empty where the environment names nobody. Throws COORDINATOR_OPTIONS: a channel half described is not one left out. */
export function notifySettingsOf(environment: NodeJS.ProcessEnv): NotifySettings {
  const read = (name: Name): string | undefined => (environment[name] === '' ? undefined : environment[name]);
  const unknown = Object.keys(environment).find((name) => name.startsWith('NOTIFY_') && !(names as readonly string[]).includes(name) && !systemds.has(name));
  if (unknown !== undefined) throw refused(unknown, names.join(', '), 'another name');
  const [webhook, smtp] = [readOrFile(read, 'NOTIFY_WEBHOOK_URL'), readOrFile(read, 'NOTIFY_SMTP_URL')];
  requireBeside(read, 'NOTIFY_WEBHOOK_URL', webhook, ['NOTIFY_WEBHOOK_SECRET_FILE']);
  requireBeside(read, 'NOTIFY_SMTP_URL', smtp, ['NOTIFY_MAIL_TO', 'NOTIFY_MAIL_FROM']);
  return {
    ...(webhook === undefined ? {} : { webhook: { url: webhookUrl(webhook), secret: secretOf(read('NOTIFY_WEBHOOK_SECRET_FILE')) } }),
    ...(smtp === undefined ? {} : { mail: { ...smtpServer(smtp), from: senderOf(read('NOTIFY_MAIL_FROM')), to: receiversOf(read('NOTIFY_MAIL_TO')) } }),
  };
}

/** systemd sets this for every service that tells it when it is ready. */
const systemds = new Set(['NOTIFY_SOCKET']);

type Read = (name: Name) => string | undefined;

function readOrFile(read: Read, name: 'NOTIFY_WEBHOOK_URL' | 'NOTIFY_SMTP_URL'): string | undefined {
  const file = `${name}_FILE` as const;
  const path = read(file);
  if (path !== undefined && read(name) !== undefined) throw refused(file, `${name} or a file with it`, 'both');
  return path === undefined ? read(name) : readSmall(file, path);
}

function readSmall(name: Name, path: string): string {
  let text: string;
  try {
    text = readFileSync(path, 'utf8').trim();
  } catch (error) {
    throw refused(name, 'a file that can be read', `${path}: ${(error as NodeJS.ErrnoException).code ?? 'unreadable'}`);
  }
  if (text === '' || text.length > fileMaxBytes) throw refused(name, `a file with 1 to ${fileMaxBytes} characters`, path);
  return text;
}

function requireBeside(read: Read, main: Name, value: string | undefined, others: readonly Name[]): void {
  const stray = others.find((name) => read(name) !== undefined);
  if (value === undefined && stray !== undefined) throw refused(stray, `${main} beside it`, 'none');
}

/** What was found is never shown: the address may be the whole secret. */
function webhookUrl(text: string): URL {
  const url = URL.parse(text);
  const good = url !== null && (url.protocol === 'https:' || (url.protocol === 'http:' && isThisMachine(url.hostname))) && url.username === '' && url.password === '' && url.hash === '';
  if (!good) throw refused('NOTIFY_WEBHOOK_URL', 'https://HOST/PATH, or http:// on this machine', url === null ? 'no URL' : 'another kind of URL');
  return url;
}

function secretOf(path: string | undefined): Buffer | undefined {
  if (path === undefined) return undefined;
  const [, digits] = /^(?:whsec_)?([A-Za-z0-9+/]+={0,2})$/.exec(readSmall('NOTIFY_WEBHOOK_SECRET_FILE', path)) ?? [];
  const secret = Buffer.from(digits ?? '', 'base64');
  if (secret.length < secretMinBytes || secret.length > secretMaxBytes) throw refused('NOTIFY_WEBHOOK_SECRET_FILE', `whsec_ and ${secretMinBytes} to ${secretMaxBytes} bytes in base64`, path);
  return secret;
}

function smtpServer(text: string): Pick<MailSettings, 'host' | 'port' | 'tls' | 'auth'> {
  const url = URL.parse(text);
  const good = url !== null && (url.protocol === 'smtp:' || url.protocol === 'smtps:') && url.hostname !== '' && (url.pathname === '' || url.pathname === '/') && url.search === '' && url.hash === '' && (url.username === '') === (url.password === '');
  if (!good) throw refused('NOTIFY_SMTP_URL', 'smtps://USER:PASSWORD@HOST:PORT or smtp://HOST:PORT', url === null ? 'no URL' : 'another kind of URL');
  const isTls = url.protocol === 'smtps:';
  return {
    host: url.hostname.replace(/^\[|\]$/g, ''),
    port: url.port === '' ? ports[isTls ? 'smtps:' : 'smtp:'] : Number(url.port),
    tls: isTls ? 'at once' : isThisMachine(url.hostname) ? 'as offered' : 'required',
    auth: url.username === '' ? undefined : { user: decoded(url.username), pass: decoded(url.password) },
  };
}

function decoded(text: string): string {
  try {
    return decodeURIComponent(text);
  } catch {
    throw refused('NOTIFY_SMTP_URL', 'a name and a password with their % spelt %25', 'another kind of URL');
  }
}

function senderOf(text: string | undefined): string {
  if (text === undefined || !addressPattern.test(text)) throw refused('NOTIFY_MAIL_FROM', 'an address like godwit@example.org', text ?? 'none');
  return text;
}

function receiversOf(text = ''): string[] {
  const all = text.split(',').map((part) => part.trim()).filter((part) => part !== '');
  const wrong = all.find((each) => !addressPattern.test(each));
  if (wrong !== undefined || all.length === 0 || all.length > receiversMax) throw refused('NOTIFY_MAIL_TO', `1 to ${receiversMax} addresses with commas between them`, wrong ?? `${all.length}`);
  return all;
}

function refused(subject: string, expected: string, found: string): Fault {
  return new Fault('COORDINATOR_OPTIONS', { subject, expected, found, hint: 'see `godwit-coordinator notify --help`' });
}
