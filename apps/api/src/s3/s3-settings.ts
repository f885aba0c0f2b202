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
`;

const bucketPattern = /^[a-z0-9][a-z0-9.-]{1,61}[a-z0-9]$/;
const regionPattern = /^[a-zA-Z0-9-]{1,64}$/;
const prefixPattern = /^[A-Za-z0-9_.-]{1,64}(?:\/[A-Za-z0-9_.-]{1,64}){0,3}\/?$/;
const defaultRegion = 'us-east-1';

/** What the environment says of a bucket; undefined when it says nothing. Throws COORDINATOR_OPTIONS: a bucket half described is not one left out. */
export function s3SettingsOf(environment: NodeJS.ProcessEnv): S3Settings | undefined {
  const read = (...names: readonly string[]): string | undefined => names.map((name) => environment[name]).find((value) => value !== undefined && value !== '');
  const bucket = read('S3_BUCKET');
  if (bucket === undefined) {
    const stray = Object.keys(environment).find((name) => name.startsWith('S3_') && environment[name] !== '');
    if (stray !== undefined) throw new Fault('COORDINATOR_OPTIONS', { subject: stray, expected: 'S3_BUCKET beside it', found: 'none' });
    return undefined;
  }
  if (!bucketPattern.test(bucket)) throw new Fault('COORDINATOR_OPTIONS', { subject: 'S3_BUCKET', expected: 'the name of a bucket', found: bucket });
  const region = read('S3_REGION', 'AWS_REGION', 'AWS_DEFAULT_REGION') ?? defaultRegion;
  if (!regionPattern.test(region)) throw new Fault('COORDINATOR_OPTIONS', { subject: 'S3_REGION', expected: 'the name of a region', found: region });
  const named = read('S3_ENDPOINT', 'AWS_ENDPOINT_URL_S3', 'AWS_ENDPOINT_URL');
  const endpoint = endpointOf('S3_ENDPOINT', named ?? `https://s3.${region}.amazonaws.com`);
  const open = read('S3_PUBLIC_ENDPOINT');
  const accessKey = required('S3_ACCESS_KEY_ID', read('S3_ACCESS_KEY_ID', 'AWS_ACCESS_KEY_ID'));
  const secretKey = required('S3_SECRET_ACCESS_KEY', read('S3_SECRET_ACCESS_KEY', 'AWS_SECRET_ACCESS_KEY'));
  return {
    endpoint,
    publicEndpoint: open === undefined ? endpoint : endpointOf('S3_PUBLIC_ENDPOINT', open),
    region,
    bucket,
    prefix: prefixOf(read('S3_PREFIX')),
    accessKey,
    secretKey,
    sessionToken: read('S3_SESSION_TOKEN', 'AWS_SESSION_TOKEN'),
    pathStyle: truth('S3_PATH_STYLE', read('S3_PATH_STYLE'), named !== undefined),
    signBody: truth('S3_SIGN_BODY', read('S3_SIGN_BODY'), true),
  };
}

/** Has this process trust the certificates in S3_CA as well, when it is set. Throws COORDINATOR_OPTIONS. */
export function trustOwnAuthority(environment: NodeJS.ProcessEnv): void {
  const [own, aws] = [environment['S3_CA'] ?? '', environment['AWS_CA_BUNDLE'] ?? ''];
  const path = own === '' ? aws : own;
  if (path === '') return;
  try {
    setDefaultCACertificates([...getCACertificates('default'), readFileSync(path, 'utf8')]);
  } catch (error) {
    throw new Fault('COORDINATOR_OPTIONS', { subject: 'S3_CA', expected: 'a file of certificates (PEM)', found: path, cause: error });
  }
}

function endpointOf(name: string, text: string): URL {
  const url = URL.parse(text);
  const plain = url !== null && (url.protocol === 'http:' || url.protocol === 'https:') && url.pathname === '/' && url.search === '' && url.hash === '' && url.username === '' && url.password === '';
  // What was found is not shown where it may hold a password.
  if (!plain) throw new Fault('COORDINATOR_OPTIONS', { subject: name, expected: 'https://HOST or https://HOST:PORT', found: url === null ? 'no URL' : 'another kind of URL' });
  return url;
}

function prefixOf(text: string | undefined): string {
  if (text === undefined) return '';
  if (!prefixPattern.test(text) || text.split('/').some((part) => part === '.' || part === '..')) throw new Fault('COORDINATOR_OPTIONS', { subject: 'S3_PREFIX', expected: 'up to four names with slashes between them', found: text });
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
