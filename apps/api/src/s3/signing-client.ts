import { Client } from 'minio';
import { signV4 } from 'minio/dist/esm/signing.mjs';
import { Fault } from '@godwit/base';
import { boundedTransport } from './bounded-transport.ts';
import type { S3Settings } from './s3-settings.ts';

export interface UrlToSign {
  readonly method: 'GET' | 'PUT';
  /** With the prefix. */
  readonly objectName: string;
  /** Covered by the signature: lower-case names. */
  readonly headers: Readonly<Record<string, string>>;
  /** SHA-256 of the body in hex, when the signature covers it. */
  readonly bodyDigest?: string;
  /** What the signature is dated by, and its life begins with. */
  readonly datedMs: number;
  readonly lifeSeconds: number;
}

const unsigned = 'UNSIGNED-PAYLOAD';
/** All that is asked through `minio` has small answers. */
const deadlineMs = 20_000;

/** `minio` as it is used here: every call ends, nothing is asked to sign a URL, and a URL's signature covers what its headers say. */
export class SigningClient extends Client {
  readonly #region: string;
  readonly #bucket: string;

  constructor({ region, bucket, accessKey, secretKey, sessionToken, pathStyle }: S3Settings, endpoint: URL) {
    const useSSL = endpoint.protocol === 'https:';
    super({
      endPoint: endpoint.hostname,
      port: endpoint.port === '' ? (useSSL ? 443 : 80) : Number(endpoint.port),
      useSSL,
      accessKey,
      secretKey,
      ...(sessionToken === undefined ? {} : { sessionToken }),
      region,
      pathStyle,
      transport: boundedTransport(endpoint.protocol, deadlineMs) as NonNullable<ConstructorParameters<typeof Client>[0]['transport']>,
      // Its own second attempt writes to the console; ours is in bucket.ts.
      retryOptions: { disableRetry: true },
    });
    [this.#region, this.#bucket] = [region, bucket];
  }

  /**
   * A URL that is good for this method, name and these headers, by Amazon's Signature Version 4 in a query. `presignedUrl` of `minio` covers
   * no header but the host; its signature itself is used here.
   */
  signUrl({ method, objectName, headers, bodyDigest = unsigned, datedMs, lifeSeconds }: UrlToSign): string {
    const place = this.getRequestOptions({ method, bucketName: this.#bucket, objectName, region: this.#region });
    const host = place.headers['host'];
    if (typeof host !== 'string') throw new Fault('INTERNAL', { expected: 'a host to sign for' });
    const signed: Record<string, string> = { ...headers, host };
    const date = new Date(datedMs);
    const stamp = date.toISOString().replace(/[:-]|\.\d{3}/g, '');
    const parameters: readonly (readonly [string, string])[] = [
      ['X-Amz-Algorithm', 'AWS4-HMAC-SHA256'],
      ['X-Amz-Credential', `${this.accessKey}/${stamp.slice(0, 8)}/${this.#region}/s3/aws4_request`],
      ['X-Amz-Date', stamp],
      ['X-Amz-Expires', String(lifeSeconds)],
      ...(this.sessionToken === undefined ? [] : [['X-Amz-Security-Token', this.sessionToken] as const]),
      ['X-Amz-SignedHeaders', Object.keys(signed).sort().join(';')],
    ];
    const path = `${place.path}?${parameters.map(([name, value]) => `${name}=${encodeURIComponent(value)}`).join('&')}`;
    const signature = /Signature=([0-9a-f]{64})$/.exec(signV4({ method, path, headers: signed, protocol: this.protocol }, this.accessKey, this.secretKey, this.#region, date, bodyDigest))?.[1];
    if (signature === undefined) throw new Fault('INTERNAL', { expected: 'a signature' });
    return `${this.protocol}//${host}${path}&X-Amz-Signature=${signature}`;
  }
}
