import { equal, match } from 'node:assert/strict';
import { test } from 'node:test';
import { s3SettingsOf } from './s3-settings.ts';
import { SigningClient } from './signing-client.ts';

const keys = { S3_ACCESS_KEY_ID: 'AKIAIOSFODNN7EXAMPLE', S3_SECRET_ACCESS_KEY: 'wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY', S3_PATH_STYLE: 'false' };

function clientOf(more: Record<string, string>): SigningClient {
  const settings = s3SettingsOf({ ...keys, ...more })!;
  return new SigningClient(settings, settings.publicEndpoint);
}

test("signs as Amazon's own example does (S3 API, \"Authenticating Requests: Using Query Parameters\")", () => {
  // The example's host is that of its bucket; named so, because `minio` puts a region into Amazon's own.
  const client = clientOf({ S3_BUCKET: 'examplebucket.s3', S3_ENDPOINT: 'http://amazonaws.com' });
  const url = new URL(client.signUrl({ method: 'GET', objectName: 'test.txt', headers: {}, datedMs: Date.UTC(2013, 4, 24), lifeSeconds: 86_400 }));
  equal(`${url.host}${url.pathname}`, 'examplebucket.s3.amazonaws.com/test.txt');
  equal(url.searchParams.get('X-Amz-Signature'), 'aeeed9bbccd4d02ee5c0109b86d86835f995330da4c265957d157751f604d404');
});

test('what the headers say is signed, and so are the token, the method and the hash of the body', () => {
  const asked = { method: 'PUT', objectName: 'a/b', headers: { 'if-none-match': '*' }, bodyDigest: 'ab'.repeat(32), datedMs: 0, lifeSeconds: 60 } as const;
  const client = clientOf({ S3_BUCKET: 'vault', S3_ENDPOINT: 'https://store.example:9000', S3_SESSION_TOKEN: 'to/ken+==' });
  const url = client.signUrl(asked);
  match(url, /^https:\/\/vault\.store\.example:9000\/a\/b\?X-Amz-Algorithm=AWS4-HMAC-SHA256&.*X-Amz-Expires=60&X-Amz-Security-Token=to%2Fken%2B%3D%3D&X-Amz-SignedHeaders=host%3Bif-none-match&X-Amz-Signature=[0-9a-f]{64}$/);
  const signatureOf = (change: object): string => new URL(client.signUrl({ ...asked, ...change })).searchParams.get('X-Amz-Signature')!;
  const others = [{ method: 'GET' }, { objectName: 'a/c' }, { headers: { 'if-none-match': 'x' } }, { bodyDigest: 'ac'.repeat(32) }, { datedMs: 1_000 }, { lifeSeconds: 61 }].map(signatureOf);
  equal(new Set([signatureOf({}), ...others]).size, others.length + 1);
});
