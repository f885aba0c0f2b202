import { deepEqual, equal, throws } from 'node:assert/strict';
import { test } from 'node:test';
import { s3SettingsOf, secondBucketOf } from './s3-settings.ts';

const least = { S3_BUCKET: 'vault', S3_ACCESS_KEY_ID: 'id', S3_SECRET_ACCESS_KEY: 'secret' };

test('a bucket and its keys are enough, and then it is one of Amazon', () => {
  const { endpoint, publicEndpoint, region, prefix, pathStyle, signBody, sessionToken } = s3SettingsOf(least)!;
  deepEqual([endpoint.origin, publicEndpoint.origin, region, prefix, pathStyle, signBody, sessionToken], ['https://s3.us-east-1.amazonaws.com', 'https://s3.us-east-1.amazonaws.com', 'us-east-1', '', false, true, undefined]);
});

test('names of Amazon are read where ours are not there, and ours come first', () => {
  const amazon = { AWS_ACCESS_KEY_ID: 'their id', AWS_SECRET_ACCESS_KEY: 'their secret', AWS_SESSION_TOKEN: 'token', AWS_REGION: 'eu-central-1', AWS_ENDPOINT_URL: 'https://s3.example' };
  const theirs = s3SettingsOf({ S3_BUCKET: 'vault', ...amazon })!;
  deepEqual([theirs.accessKey, theirs.secretKey, theirs.sessionToken, theirs.region, theirs.endpoint.origin, theirs.pathStyle], ['their id', 'their secret', 'token', 'eu-central-1', 'https://s3.example', true]);
  const ours = s3SettingsOf({ ...amazon, ...least, S3_REGION: 'here', S3_ENDPOINT: 'http://10.0.0.1:9000', S3_PUBLIC_ENDPOINT: 'https://store.example', S3_PATH_STYLE: 'false', S3_SIGN_BODY: 'false', S3_PREFIX: 'a/b' })!;
  deepEqual([ours.accessKey, ours.region, ours.endpoint.origin, ours.publicEndpoint.origin, ours.pathStyle, ours.signBody, ours.prefix], ['id', 'here', 'http://10.0.0.1:9000', 'https://store.example', false, false, 'a/b/']);
});

test('no bucket is no bucket, whatever Amazon knows; a bucket half described is refused, and no secret is shown', () => {
  equal(s3SettingsOf({ AWS_REGION: 'eu-central-1', AWS_ACCESS_KEY_ID: 'id' }), undefined);
  equal(s3SettingsOf({ S3_BUCKET: '', S3_ENDPOINT: '' }), undefined);
  const wrong: readonly Record<string, string>[] = [
    { S3_BUCKET: '', S3_REGION: 'here' },
    { S3_ACCESS_KEY_ID: '' },
    { S3_SECRET_ACCESS_KEY: '' },
    { S3_BUCKET: 'Vault' },
    { S3_BUCKET: 'a' },
    { S3_ENDPOINT: 'store.example' },
    { S3_ENDPOINT: 'ftp://store.example' },
    { S3_ENDPOINT: 'https://user:hunter2@store.example' },
    { S3_ENDPOINT: 'https://store.example/path' },
    { S3_PUBLIC_ENDPOINT: 'nowhere' },
    { S3_REGION: 'a b' },
    { S3_PREFIX: '../up' },
    { S3_PREFIX: '/rooted' },
    { S3_PATH_STYLE: 'yes' },
    { S3_SIGN_BODY: '1' },
  ];
  for (const change of wrong) {
    throws(() => s3SettingsOf({ ...least, ...change }), (error: unknown) => {
      deepEqual([(error as { code: string }).code, /hunter2|secret$/.test(String(error))], ['COORDINATOR_OPTIONS', false], JSON.stringify(change));
      return true;
    });
  }
});

test('a second bucket has names of its own, none of Amazon, and is another one than the first', () => {
  const second = { REPLICA_S3_BUCKET: 'vault-2', REPLICA_S3_ACCESS_KEY_ID: 'id 2', REPLICA_S3_SECRET_ACCESS_KEY: 'secret', REPLICA_S3_ENDPOINT: 'https://store.example' };
  const found = secondBucketOf({ ...least, ...second, S3_PREFIX: 'a', AWS_REGION: 'eu-central-1', AWS_SESSION_TOKEN: 'token' })!;
  deepEqual([found.bucket, found.accessKey, found.endpoint.origin, found.pathStyle, found.prefix, found.region, found.sessionToken], ['vault-2', 'id 2', 'https://store.example', true, '', 'us-east-1', undefined]);
  deepEqual([secondBucketOf(least), secondBucketOf(second)?.bucket, s3SettingsOf(second)], [undefined, 'vault-2', undefined], 'each may be there without the other');
  const same = { REPLICA_S3_BUCKET: 'vault', REPLICA_S3_ACCESS_KEY_ID: 'id', REPLICA_S3_SECRET_ACCESS_KEY: 'secret' };
  for (const wrong of [same, { ...second, REPLICA_S3_BUCKET: '' }, { ...second, REPLICA_S3_ACCESS_KEY_ID: '', AWS_ACCESS_KEY_ID: 'id' }]) throws(() => secondBucketOf({ ...least, ...wrong }), { code: 'COORDINATOR_OPTIONS', subject: /^REPLICA_S3_/ }, JSON.stringify(wrong));
  equal(secondBucketOf({ ...least, ...same, REPLICA_S3_PREFIX: 'two' })?.prefix, 'two/');
});
