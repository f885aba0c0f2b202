import type { S3Settings } from './s3-settings.ts';

/** The least that the keys must be allowed: each line is asked for by one of the checks. */
export const actions = {
  objects: ['s3:PutObject', 's3:GetObject', 's3:DeleteObject', 's3:DeleteObjectVersion', 's3:AbortMultipartUpload'],
  bucket: ['s3:ListBucket', 's3:ListBucketVersions', 's3:ListBucketMultipartUploads', 's3:GetBucketVersioning', 's3:GetBucketObjectLockConfiguration', 's3:GetLifecycleConfiguration'],
} as const;

/** That policy for this bucket and prefix, in the language of Amazon's IAM. */
export function smallestPolicy({ bucket, prefix }: Pick<S3Settings, 'bucket' | 'prefix'>): Record<string, unknown> {
  const resource = `arn:aws:s3:::${bucket}`;
  return {
    Version: '2012-10-17',
    Statement: [
      { Effect: 'Allow', Action: actions.objects, Resource: `${resource}/${prefix}*` },
      { Effect: 'Allow', Action: actions.bucket, Resource: resource },
    ],
  };
}
