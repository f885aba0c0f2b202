import { readFileSync } from 'node:fs';
import { getCACertificates, setDefaultCACertificates } from 'node:tls';
import { Fault } from '@godwit/base';

/** Which bucket, and how it is asked. */
export interface S3Settings {
  /** As the coordinator reaches it: scheme, host, perhaps a port. */
  readonly endpoint: URL;
  /** As hosts reach it: what their URLs begin with. */
  readonly publicEndpoint: URL;
  readonly region: string;
  readonly bucket: string;
  /** Before every key: empty, or ending in a slash. */
  readonly prefix: string;
  readonly accessKey: string;
  readonly secretKey: string;
  readonly sessionToken: string | undefined;
  /** `endpoint/bucket/key`; else `bucket.endpoint/key`. */
  readonly pathStyle: boolean;
  /** URLs to put carry the digest as the hash of their payload, which every implementation of the signature checks; else only as a checksum. */
  readonly signBody: boolean;
}

export const s3Usage = `  S3_BUCKET              the bucket; without it objects lie in the data directory
  S3_ENDPOINT            https://HOST[:PORT] (or AWS_ENDPOINT_URL_S3, AWS_ENDPOINT_URL; default: Amazon's of the region)
  S3_PUBLIC_ENDPOINT     the same bucket as hosts reach it, where that is another address
  S3_REGION              (or AWS_REGION, AWS_DEFAULT_REGION; default us-east-1)
  S3_PREFIX              before every key, as godwit/
  S3_ACCESS_KEY_ID, S3_SECRET_ACCESS_KEY, S3_SESSION_TOKEN   (or the same names with AWS_)
  S3_PATH_STYLE          true: HOST/BUCKET/KEY, false: BUCKET.HOST/KEY (default: true with an endpoint, else false)
  S3_SIGN_BODY           false for a store that refuses URLs with the hash of their body (default true)
  S3_CA                  a file of certificates (PEM) to trust as well (or AWS_CA_BUNDLE)
  REPLICA_S3_BUCKET      a second bucket, to which everything is copied; the names above with REPLICA_ before them say
                         where it is and how it is asked. Names with AWS_ are not read for it.
`;

const bucketPattern = /^[a-z0-9][a-z0-9.-]{1,61}[a-z0-9]$/;
const regionPattern = /^[a-zA-Z0-9-]{1,64}$/;
const prefixPattern = /^[A-Za-z0-9_.-]{1,64}(?:\/[A-Za-z0-9_.-]{1,64}){0,3}\/?$/;
const defaultRegion = 'us-east-1';

/** Before the names of the second bucket, to which everything is copied. */
export const secondPrefix = 'REPLICA_';

/**
 * What the environment says of a bucket; undefined when it says nothing. With `before` our names begin with it, and Amazon's do not count: they are of the
 * first bucket. Throws COORDINATOR_OPTIONS: a bucket half described is not one left out.
 */
export function s3SettingsOf(environment: NodeJS.ProcessEnv, before: '' | typeof secondPrefix = ''): S3Settings | undefined {
  const read = (name: string, ...amazons: readonly string[]): string | undefined => [`${before}${name}`, ...(before === '' ? amazons : [])].map((each) => environment[each]).find((value) => value !== undefined && value !== '');
  const named = (name: string): string => `${before}${name}`;
  const bucket = read('S3_BUCKET');
  if (bucket === undefined) {
    const stray = Object.keys(environment).find((name) => name.startsWith(named('S3_')) && environment[name] !== '');
    if (stray !== undefined) throw new Fault('COORDINATOR_OPTIONS', { subject: stray, expected: `${named('S3_BUCKET')} beside it`, found: 'none' });
    return undefined;
  }
  if (!bucketPattern.test(bucket)) throw new Fault('COORDINATOR_OPTIONS', { subject: named('S3_BUCKET'), expected: 'the name of a bucket', found: bucket });
  const region = read('S3_REGION', 'AWS_REGION', 'AWS_DEFAULT_REGION') ?? defaultRegion;
  if (!regionPattern.test(region)) throw new Fault('COORDINATOR_OPTIONS', { subject: named('S3_REGION'), expected: 'the name of a region', found: region });
  const told = read('S3_ENDPOINT', 'AWS_ENDPOINT_URL_S3', 'AWS_ENDPOINT_URL');
  const endpoint = endpointOf(named('S3_ENDPOINT'), told ?? `https://s3.${region}.amazonaws.com`);
  const open = read('S3_PUBLIC_ENDPOINT');
  return {
    endpoint,
    publicEndpoint: open === undefined ? endpoint : endpointOf(named('S3_PUBLIC_ENDPOINT'), open),
    region,
    bucket,
    prefix: prefixOf(named('S3_PREFIX'), read('S3_PREFIX')),
    accessKey: required(named('S3_ACCESS_KEY_ID'), read('S3_ACCESS_KEY_ID', 'AWS_ACCESS_KEY_ID')),
    secretKey: required(named('S3_SECRET_ACCESS_KEY'), read('S3_SECRET_ACCESS_KEY', 'AWS_SECRET_ACCESS_KEY')),
    sessionToken: read('S3_SESSION_TOKEN', 'AWS_SESSION_TOKEN'),
    pathStyle: truth(named('S3_PATH_STYLE'), read('S3_PATH_STYLE'), told !== undefined),
    signBody: truth(named('S3_SIGN_BODY'), read('S3_SIGN_BODY'), true),
  };
}

/** Which bucket, and what part of it, for people to read. */
export function placeOf({ endpoint, bucket, prefix }: Pick<S3Settings, 'endpoint' | 'bucket' | 'prefix'>): string {
  return `bucket ${bucket} at ${endpoint.origin}${prefix === '' ? '' : `, below ${prefix}`}`;
}

/** The bucket to which everything is copied. Throws COORDINATOR_OPTIONS, also where it is the first one: that would be no second copy. */
export function secondBucketOf(environment: NodeJS.ProcessEnv): S3Settings | undefined {
  const [first, second] = [s3SettingsOf(environment), s3SettingsOf(environment, secondPrefix)];
  if (first !== undefined && second !== undefined && placeOf(first) === placeOf(second)) throw new Fault('COORDINATOR_OPTIONS', { subject: `${secondPrefix}S3_BUCKET`, expected: 'another bucket, or another prefix, than S3_BUCKET', found: 'the same' });
  return second;
}

/** Has this process trust the certificates in S3_CA, and those of the second bucket, as well. Throws COORDINATOR_OPTIONS. */
export function trustOwnAuthority(environment: NodeJS.ProcessEnv): void {
  const [own, aws, second] = [environment['S3_CA'] ?? '', environment['AWS_CA_BUNDLE'] ?? '', environment[`${secondPrefix}S3_CA`] ?? ''];
  const files = [['S3_CA', own === '' ? aws : own], [`${secondPrefix}S3_CA`, second]] as const;
  for (const [name, path] of files) {
    if (path === '') continue;
    try {
      setDefaultCACertificates([...getCACertificates('default'), readFileSync(path, 'utf8')]);
    } catch (error) {
      throw new Fault('COORDINATOR_OPTIONS', { subject: name, expected: 'a file of certificates (PEM)', found: path, cause: error });
    }
  }
}

function endpointOf(name: string, text: string): URL {
  const url = URL.parse(text);
  const plain = url !== null && (url.protocol === 'http:' || url.protocol === 'https:') && url.pathname === '/' && url.search === '' && url.hash === '' && url.username === '' && url.password === '';
  // What was found is not shown where it may hold a password.
  if (!plain) throw new Fault('COORDINATOR_OPTIONS', { subject: name, expected: 'https://HOST or https://HOST:PORT', found: url === null ? 'no URL' : 'another kind of URL' });
  return url;
}

function prefixOf(name: string, text: string | undefined): string {
  if (text === undefined) return '';
  if (!prefixPattern.test(text) || text.split('/').some((part) => part === '.' || part === '..')) throw new Fault('COORDINATOR_OPTIONS', { subject: name, expected: 'up to four names with slashes between them', found: text });
  return text.endsWith('/') ? text : `${text}/`;
}

function required(name: string, value: string | undefined): string {
  if (value === undefined) throw new Fault('COORDINATOR_OPTIONS', { subject: name, expected: 'a key for the bucket', found: 'none' });
  return value;
}

function truth(name: string, text: string | undefined, otherwise: boolean): boolean {
  if (text === undefined) return otherwise;
  if (text !== 'true' && text !== 'false') throw new Fault('COORDINATOR_OPTIONS', { subject: name, expected: 'true or false', found: text });
  return text === 'true';
}
