import { homedir } from 'node:os';
import { join, resolve } from 'node:path';
import { parseArgs } from 'node:util';
import { Fault, type LogLevel } from '@godwit/base';
import { notifySettingsOf, type NotifySettings } from './notify/notify-settings.ts';
import { parseOidc, type OidcOptions } from './operators/oidc-options.ts';
import { parsePublicOrigin } from './operators/own-origin.ts';
import { parseQuotaList } from './quotas/quota-list.ts';
import type { DefaultQuotas } from './quotas/quotas.ts';
import { s3SettingsOf, secondBucketOf, type S3Settings } from './s3/s3-settings.ts';

export interface CommandLine {
  readonly help: boolean;
  readonly json: boolean;
  readonly dataDirectory: string;
  readonly listen: { readonly host: string; readonly port: number };
  readonly metrics: { readonly host: string; readonly port: number } | undefined;
  readonly databaseUrl: string | undefined;
  readonly redisUrl: string | undefined;
  readonly s3: S3Settings | undefined;
  readonly secondBucket: S3Settings | undefined;
  readonly publicOrigin: string | undefined;
  readonly oidc: OidcOptions | undefined;
  readonly notify: NotifySettings;
  /** Between the signal and the stop. */
  readonly drainMs: number;
  readonly logLevel: LogLevel;
  readonly quotas: Partial<DefaultQuotas>;
  readonly upkeep: { readonly graceMs?: number; readonly everyMs?: number; readonly scrubAgainMs?: number; readonly secondGraceMs?: number };
}

export const usage = `usage: godwit-coordinator [--data DIR] [--listen HOST:PORT] [--grace SECONDS] [--upkeep SECONDS]
                          [--scrub-again SECONDS] [--replica-grace SECONDS] [--public-origin URL]
                          [--metrics HOST:PORT] [--drain SECONDS] [--quota LIST] [--log LEVEL] [--json]
       godwit-coordinator invite --name NAME [--role ROLE] [--data DIR] [--json]
       godwit-coordinator backup --to DIR | restore --from DIR/backups/TIME [--data DIR] [--json]
       godwit-coordinator store check [--replica] [--policy] [--json]
       godwit-coordinator quota [--account ID] [--set LIST] [--data DIR] [--json]
       godwit-coordinator jobs [retry NAME | put-away NAME] [--data DIR] [--json]
       godwit-coordinator notify --test [--json]

  --data DIR          where everything is kept (default: $GODWIT_COORDINATOR_DATA,
                      else ~/.local/share/godwit-coordinator, as root /var/lib/godwit-coordinator)
  --listen HOST:PORT  default 127.0.0.1:7420; port 0 takes any free one
  --grace SECONDS     from the moment that nothing needs an object to its deletion (default 3600)
  --upkeep SECONDS    between two rounds of prune and scrub (default 600)
  --scrub-again SECONDS  after this time an object in the store is read again (default 604800)
  --replica-grace SECONDS  from the deletion of an object in the store to that in the second bucket (default 604800)
  --public-origin URL  where browsers find the dashboard: https://NAME or https://NAME:PORT, behind TLS of yours
                      (default: $GODWIT_COORDINATOR_ORIGIN, else http://localhost:PORT); passkeys hold for it alone
  --metrics HOST:PORT  where Prometheus finds /metrics (default: $GODWIT_COORDINATOR_METRICS, else nowhere);
                      whoever reaches it may read it
  --drain SECONDS     from SIGTERM to the stop (default: $GODWIT_COORDINATOR_DRAIN, else 0): /readyz answers 503 and all
                      else goes on, so that a balancer sends nothing more here; a second signal ends the wait
  --quota LIST        what each account may have and do: desktops=N,bytes=SIZE,moves=N (an hour); SIZE with KiB, MiB, GiB
                      or TiB, or none (default: $GODWIT_COORDINATOR_QUOTA, else desktops=1024,bytes=none,moves=10000)
  --log LEVEL         debug, info, warn (default) or error, as JSON lines on standard error
  --json              print the line that says it is ready as JSON

invite prints a one-time code for an operator of the dashboard; its own help: invite --help
backup and restore keep all of it elsewhere and bring it back; their own help: backup --help
quota says what accounts use, and gives one more or less than the others; its own help: quota --help
jobs says when each job was done last, and has one that was given up tried again; its own help: jobs --help
store check says whether a bucket does all that Godwit needs; its own help, with all names: store --help

DATABASE_URL names a PostgreSQL server; without it a private one runs in the data directory.
REDIS_URL names the Redis that all coordinators on that database share; without it there may be one only.
S3_BUCKET, S3_ENDPOINT, S3_REGION, S3_PREFIX, S3_ACCESS_KEY_ID, S3_SECRET_ACCESS_KEY and more name a bucket for objects;
without it they lie in the data directory. REPLICA_S3_BUCKET and so on name a second bucket, to which all of them are copied.
NOTIFY_WEBHOOK_URL and NOTIFY_SMTP_URL have operators told outside of what needs a person; see notify --help
OTEL_EXPORTER_OTLP_ENDPOINT has traces sent there, by OpenTelemetry over HTTP.
GODWIT_OIDC_ISSUER names an OpenID provider for operators; with it GODWIT_OIDC_CLIENT_ID, GODWIT_OIDC_CLIENT_SECRET
or GODWIT_OIDC_CLIENT_SECRET_FILE, and who comes in: GODWIT_OIDC_VIEWERS, GODWIT_OIDC_OPERATORS, lists of values of
GODWIT_OIDC_CLAIM (default groups); GODWIT_OIDC_NAME for the button, GODWIT_OIDC_SCOPE (default openid profile email).
`;

const defaultListen = '127.0.0.1:7420';
const levels: readonly string[] = ['debug', 'info', 'warn', 'error'];

/** Throws COORDINATOR_OPTIONS. */
export function parseCommandLine(argv: readonly string[], environment: NodeJS.ProcessEnv, isRoot: boolean): CommandLine {
  const values = parse(argv);
  const level = values.log ?? 'warn';
  const origin = values['public-origin'] ?? environment['GODWIT_COORDINATOR_ORIGIN'];
  if (!levels.includes(level)) throw new Fault('COORDINATOR_OPTIONS', { subject: '--log', expected: levels.join(', '), found: level });
  return {
    help: values.help === true,
    json: values.json === true,
    dataDirectory: dataDirectoryOf(values.data, environment, isRoot),
    listen: parseListen('--listen', values.listen ?? defaultListen),
    metrics: metricsOf(values.metrics ?? environment['GODWIT_COORDINATOR_METRICS']),
    databaseUrl: databaseUrlOf(environment),
    redisUrl: redisUrlOf(environment),
    s3: s3SettingsOf(environment),
    secondBucket: secondBucketOf(environment),
    publicOrigin: origin === undefined ? undefined : parsePublicOrigin(origin),
    oidc: parseOidc(environment),
    notify: notifySettingsOf(environment),
    drainMs: 0,
    ...milliseconds('drainMs', '--drain', values.drain ?? environment['GODWIT_COORDINATOR_DRAIN']),
    quotas: quotasOf(values.quota ?? environment['GODWIT_COORDINATOR_QUOTA']),
    logLevel: level as LogLevel,
    upkeep: { ...milliseconds('graceMs', '--grace', values.grace), ...milliseconds('everyMs', '--upkeep', values.upkeep), ...milliseconds('scrubAgainMs', '--scrub-again', values['scrub-again']), ...milliseconds('secondGraceMs', '--replica-grace', values['replica-grace']) },
  };
}

function parse(argv: readonly string[]) {
  try {
    return parseArgs({
      args: [...argv],
      options: { data: { type: 'string' }, listen: { type: 'string' }, grace: { type: 'string' }, upkeep: { type: 'string' }, 'scrub-again': { type: 'string' }, 'replica-grace': { type: 'string' }, 'public-origin': { type: 'string' }, metrics: { type: 'string' }, drain: { type: 'string' }, quota: { type: 'string' }, log: { type: 'string' }, json: { type: 'boolean' }, help: { type: 'boolean', short: 'h' } },
    }).values;
  } catch (error) {
    throw new Fault('COORDINATOR_OPTIONS', { found: error instanceof Error ? error.message : 'something else' });
  }
}

/** At most a month: a timer takes no more than 2^31 ms. */
const secondsMax = 2_000_000;

function milliseconds<Name extends string>(name: Name, option: string, text: string | undefined): Partial<Record<Name, number>> {
  if (text === undefined) return {};
  const seconds = Number(text);
  if (!/^\d{1,7}(\.\d{1,3})?$/.test(text) || seconds > secondsMax) throw new Fault('COORDINATOR_OPTIONS', { subject: option, expected: `0 to ${secondsMax} seconds`, found: text });
  return { [name]: seconds * 1000 } as Partial<Record<Name, number>>;
}

export function databaseUrlOf(environment: NodeJS.ProcessEnv): string | undefined {
  return environment['DATABASE_URL'] === '' ? undefined : environment['DATABASE_URL'];
}

/** Coordinators find each other through it, which is for nothing where each has a database of its own. */
function redisUrlOf(environment: NodeJS.ProcessEnv): string | undefined {
  const url = environment['REDIS_URL'];
  if (url === undefined || url === '') return undefined;
  if (databaseUrlOf(environment) === undefined) throw new Fault('COORDINATOR_OPTIONS', { subject: 'REDIS_URL', expected: 'DATABASE_URL beside it', found: 'none' });
  return url;
}

export function dataDirectoryOf(option: string | undefined, environment: NodeJS.ProcessEnv, isRoot: boolean): string {
  return resolve(option ?? environment['GODWIT_COORDINATOR_DATA'] ?? defaultData(isRoot));
}

function defaultData(isRoot: boolean): string {
  return isRoot ? '/var/lib/godwit-coordinator' : join(homedir(), '.local/share/godwit-coordinator');
}

function metricsOf(text: string | undefined): CommandLine['metrics'] {
  return text === undefined || text === '' ? undefined : parseListen('--metrics', text);
}

function quotasOf(text: string | undefined): Partial<DefaultQuotas> {
  // Without the word `default` no value of the list is null.
  return text === undefined || text === '' ? {} : (parseQuotaList('--quota', text, false) as Partial<DefaultQuotas>);
}

function parseListen(option: string, text: string): { host: string; port: number } {
  const [, bracketed, plain, digits] = /^(?:\[([0-9a-f:]+)\]|([^:[\]]+)):([0-9]{1,5})$/i.exec(text) ?? [];
  const host = bracketed ?? plain;
  const port = Number(digits);
  if (host === undefined || !(port <= 65_535)) throw new Fault('COORDINATOR_OPTIONS', { subject: option, expected: 'HOST:PORT', found: text });
  return { host, port };
}
