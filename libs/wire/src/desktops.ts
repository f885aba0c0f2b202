import { z } from 'zod';
import { witness } from './audit.ts';
import { offlineMode, offlinePolicy } from './leases.ts';
import { quotas } from './quotas.ts';
import { checkpointsPageLimit, desktopsLimit, manifestLimitBytes, objectKeyLimit, objectLimitBytes, urlLimit, urlsLimit, wrappedKeyLimitBytes, wrappedKeysLimit } from './limits.ts';
import { boundedBytes, byteCount, commitId, desktopId, desktopName, epoch, generation, hostId, hostName, queryInteger, sequence, sha256, timeMs } from './values.ts';

/** Desktops, the lease on each, its line of checkpoints, and the URLs of their objects. */

/** A desktop key sealed under the account key of one generation (libs/crypto). */
export const wrappedKey = z.strictObject({ generation, bytes: boundedBytes(wrappedKeyLimitBytes) });
export type WrappedKey = z.infer<typeof wrappedKey>;

/** One committed checkpoint, without its manifest. */
export const checkpoint = z.object({
  sequence,
  /** SHA-256 of the manifest's bytes. */
  digest: sha256,
  /** The digest of the checkpoint before it; null for the first. */
  parent: sha256.nullable(),
  epoch,
  hostId,
  hostName,
  /** The committing host's clock, from the manifest: for display only. */
  createdMs: timeMs,
  /** The coordinator's clock when the commit was durable. */
  acknowledgedMs: timeMs,
  /** All packs the checkpoint reaches, most of them shared with its ancestors. */
  bytes: byteCount,
});
export type Checkpoint = z.infer<typeof checkpoint>;

export const owner = z.object({ hostId, name: hostName });

export const desktop = z.object({
  desktopId,
  name: desktopName,
  /** Who may run it and commit now; null when it is free. */
  owner: owner.nullable(),
  epoch,
  head: checkpoint.nullable(),
  /** Under which its current epoch is held. */
  offline: offlineMode,
  /** As a device of the account signed it; null: nobody did, which is `keep`. It counts from the next epoch on, and at once when the holder itself stored it. */
  offlinePolicy: offlinePolicy.nullable(),
  wrappedKeys: z.array(wrappedKey).max(wrappedKeysLimit),
  createdMs: timeMs,
});
export type Desktop = z.infer<typeof desktop>;
/** `quotas`: absent from a coordinator that knows none. */
export const desktops = z.object({ desktops: z.array(desktop).max(desktopsLimit), quotas: quotas.optional() });

export const desktopParams = z.strictObject({ desktopId });
export const createDesktopBody = z.strictObject({ desktopId, name: desktopName, wrappedKey });

export const keepKeyBody = z.strictObject({
  wrappedKey,
  /** SHA-256 of the wrapping of this generation's key that is replaced; null: there must be none. Sending the same bytes again changes nothing. */
  replaces: sha256.nullable(),
});

const manifestBytes = boundedBytes(manifestLimitBytes);

export const acquireBody = z.strictObject({
  /** The head the caller has planned for; another one is refused with HEAD_MOVED. */
  expectedHeadDigest: sha256.optional(),
});
export const acquired = z.object({
  epoch,
  offline: offlineMode,
  offlinePolicy: offlinePolicy.nullable(),
  /** Null for a desktop that has no checkpoint yet. */
  head: z.object({ checkpoint, manifest: manifestBytes }).nullable(),
  wrappedKeys: z.array(wrappedKey).max(wrappedKeysLimit),
});

export const releaseBody = z.strictObject({ epoch });
export const released = z.object({ epoch });

export const commitBody = z.strictObject({
  /** Made by the client once per checkpoint; a repeated request with it gets the first answer. */
  commitId,
  epoch,
  manifest: manifestBytes,
  /** Give the lease up in the same transaction: suspend does, a checkpoint of a running desktop does not. */
  release: z.boolean(),
  /** The head of the audit log that the host had seen, for whoever resumes this checkpoint. */
  witness,
});
export const committed = z.object({ sequence, digest: sha256, acknowledgedMs: timeMs, released: z.boolean() });

/** Newest first, below `before` when given. */
export const checkpointsQuery = z.strictObject({ before: queryInteger.optional() });
export const checkpoints = z.object({ checkpoints: z.array(checkpoint).max(checkpointsPageLimit) });
export const checkpointParams = z.strictObject({ desktopId, sequence: z.string().regex(/^[1-9][0-9]{0,14}$/) });
export const manifest = z.object({ checkpoint, manifest: manifestBytes });

/** Slash-separated segments of lower-case letters, digits and `-`; no dots, so no path ever leaves its folder. */
export const objectKey = z
  .string()
  .max(objectKeyLimit)
  .regex(/^[a-z0-9-]+(\/[a-z0-9-]+)*$/);

export const urlsBody = z.discriminatedUnion('operation', [
  z.strictObject({
    operation: z.literal('put'),
    epoch,
    objects: z
      .array(z.strictObject({ key: objectKey, lengthBytes: z.int().min(1).max(objectLimitBytes), sha256: sha256.optional() }))
      .min(1)
      .max(urlsLimit),
  }),
  z.strictObject({ operation: z.literal('get'), objects: z.array(z.strictObject({ key: objectKey })).min(1).max(urlsLimit) }),
]);
/**
 * `url` is absolute, or relative to the coordinator's own URL: resolve it with `new URL(url, coordinatorUrl)`.
 * `headers` must be sent exactly as given: the signature covers them where the store is S3.
 */
export const signedUrl = z.object({
  key: objectKey,
  method: z.enum(['PUT', 'GET']),
  url: z.string().min(1).max(urlLimit),
  headers: z.record(z.string().max(64), z.string().max(256)),
});
export type SignedUrl = z.infer<typeof signedUrl>;
/** In the order of the request's objects. */
export const urls = z.object({ expiresMs: timeMs, urls: z.array(signedUrl).max(urlsLimit) });
