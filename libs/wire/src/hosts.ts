import { z } from 'zod';
import { byteCount, hostId, hostName, label, timeMs } from './values.ts';

/** What a host says about itself. A later resume is planned with it and then checked on the host itself, so it is advice, not proof. */
export const hostReport = z.strictObject({
  agentVersion: label,
  qemuVersions: z.array(label).max(16),
  machineTypes: z.array(label).max(256),
  cpuModels: z.array(label).max(256),
  accelerators: z.array(label).max(8),
  ramBytes: byteCount,
  diskFreeBytes: byteCount,
  userfaultfd: z.boolean(),
  /** Whatever later agents have to add, bounded: at most 64 short facts. */
  capabilities: z
    .record(z.string().max(64).regex(/^[a-z][A-Za-z0-9.]*$/), z.union([z.boolean(), z.number(), label]))
    .refine((facts) => Object.keys(facts).length <= 64, 'at most 64 capabilities'),
});
export type HostReport = z.infer<typeof hostReport>;

export const host = z.object({
  hostId,
  name: hostName,
  /** Position in the chain allows it to act; false after its revocation. */
  current: z.boolean(),
  joinedMs: timeMs,
  /** The coordinator's clock at the host's last signed request; null before the first. */
  lastContactMs: timeMs.nullable(),
  report: hostReport.nullable(),
});
export type Host = z.infer<typeof host>;
export const hosts = z.object({ hosts: z.array(host).max(4096) });
