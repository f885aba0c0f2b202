import { Fault } from '@godwit/base';

/** Codes of S3 that no second attempt cures, with what they mean here. */
const meanings: Readonly<Record<string, { readonly found: string; readonly hint: string }>> = {
  NoSuchBucket: { found: 'no bucket of this name', hint: 'make the bucket, or mend S3_BUCKET and S3_ENDPOINT' },
  AccessDenied: { found: 'AccessDenied', hint: 'the keys lack a permission: `godwit-coordinator store check` prints those that are needed' },
  InvalidAccessKeyId: { found: 'an access key that the store does not know', hint: 'mend S3_ACCESS_KEY_ID' },
  SignatureDoesNotMatch: { found: 'another signature', hint: 'mend S3_SECRET_ACCESS_KEY; where that is right, S3_REGION and S3_ENDPOINT as hosts and the store see them' },
  RequestTimeTooSkewed: { found: 'a clock too far from its own', hint: "set the coordinator's clock" },
  AuthorizationHeaderMalformed: { found: 'another region', hint: 'mend S3_REGION' },
  PermanentRedirect: { found: 'a bucket of another region', hint: 'mend S3_REGION and S3_ENDPOINT' },
  MovedPermanently: { found: 'a bucket of another region', hint: 'mend S3_REGION and S3_ENDPOINT' },
  MethodNotAllowed: { found: 'a call that the store does not have', hint: 'see `godwit-coordinator store check`' },
  NotImplemented: { found: 'a call that the store does not have', hint: 'see `godwit-coordinator store check`' },
};

/** What `minio`, or the network below it, threw, as a fault: STORE_DENIED for what stays so, STORE_UNAVAILABLE for what may pass. */
export function bucketFault(error: unknown, subject: string): Fault {
  if (error instanceof Fault) return error;
  const code = codeOf(error);
  const meaning = code === undefined ? undefined : meanings[code];
  const about = { ...(subject === '' ? {} : { subject }), cause: error };
  if (meaning !== undefined) return new Fault('STORE_DENIED', { ...about, ...meaning });
  return new Fault('STORE_UNAVAILABLE', { ...about, found: code ?? (error instanceof Error ? error.message.slice(0, 200) : 'an error') });
}

/** Whether the store knows what is asked and says no. */
export function isDenied(error: unknown): error is Fault {
  return error instanceof Fault && error.code === 'STORE_DENIED';
}

/** The code of S3 or of the system, where there is one; also behind a fault. */
export function codeOf(error: unknown): string | undefined {
  if (error instanceof Fault) return codeOf(error.cause);
  if (!(error instanceof Error) || !('code' in error) || typeof error.code !== 'string') return undefined;
  return error.code === '' ? undefined : error.code;
}
