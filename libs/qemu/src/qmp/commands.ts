import { Fault } from '@godwit/base';
import { isObject, type QmpArguments } from './codec.ts';
import type { QmpSession, QmpWaitOptions } from './session.ts';

/** The capabilities of `migrate` that Godwit sets. All but `events` exclude or need others: QEMU says so at `setCapabilities`. */
export type MigrationCapability = 'events' | 'pause-before-switchover' | 'postcopy-ram' | 'background-snapshot' | 'return-path';

/** `query-migrate`'s status, as of QEMU 10.0. */
export type MigrationStatus =
  | 'none' | 'setup' | 'cancelling' | 'cancelled' | 'active' | 'postcopy-active' | 'postcopy-paused' | 'postcopy-recover' | 'postcopy-recover-setup'
  | 'completed' | 'failed' | 'colo' | 'pre-switchover' | 'device' | 'wait-unplug';

export interface MigrationState {
  /** `none` as long as nothing was started. */
  readonly status: string;
  /** Why it failed, where QEMU tells. */
  readonly errorText?: string;
  /** QEMU's own figures, untyped: `ram`, `downtime`, `total-time` ... */
  readonly raw: QmpArguments;
}

export interface RunState {
  /** `running`, `paused`, `postmigrate`, `inmigrate`, `prelaunch`, `finish-migrate`, `shutdown`, `guest-panicked` ... */
  readonly status: string;
  readonly running: boolean;
}

export interface QemuVersion { readonly major: number; readonly minor: number; readonly micro: number; readonly package: string }
export interface MachineInfo { readonly name: string; readonly alias?: string; readonly deprecated: boolean }
export interface CpuInfo { readonly name: string; readonly unavailableFeatures: readonly string[] }
export interface BlockSnapshot { readonly node: string; readonly overlay: string }

export async function queryStatus(qmp: QmpSession): Promise<RunState> {
  const answer = object(await qmp.execute('query-status'), 'query-status');
  return { status: text(answer, 'status'), running: answer.running === true };
}

export async function stop(qmp: QmpSession): Promise<void> {
  await qmp.execute('stop');
}

export async function cont(qmp: QmpSession): Promise<void> {
  await qmp.execute('cont');
}

/** Plugs a network card in or pulls its plug. */
export async function setLink(qmp: QmpSession, device: string, up: boolean): Promise<void> {
  await qmp.execute('set_link', { name: device, up });
}

/** Ends QEMU. Its going away before the answer is success, not a fault. */
export async function quit(qmp: QmpSession, options?: QmpWaitOptions): Promise<void> {
  try {
    await qmp.execute('quit', undefined, options);
  } catch (error) {
    if (!(error instanceof Fault && error.code === 'QMP_DISCONNECTED')) throw error;
  }
}

/** Presses the guest's power button; the guest decides. */
export async function powerDown(qmp: QmpSession): Promise<void> {
  await qmp.execute('system_powerdown');
}

/** Both lists are set in one command, so no forbidden combination stands in between. */
export async function setMigrationCapabilities(qmp: QmpSession, on: readonly MigrationCapability[], off: readonly MigrationCapability[] = []): Promise<void> {
  const state = (capabilities: readonly MigrationCapability[], value: boolean): QmpArguments[] => capabilities.map((capability) => ({ capability, state: value }));
  await qmp.execute('migrate-set-capabilities', { capabilities: [...state(off, false), ...state(on, true)] });
}

export interface MigrationParameters {
  /** Bytes per second; 0 is without limit. */
  readonly maxBandwidthBytes?: number;
  /** The pause QEMU aims at when it decides that RAM has converged. */
  readonly downtimeLimitMs?: number;
}

export async function setMigrationParameters(qmp: QmpSession, { maxBandwidthBytes, downtimeLimitMs }: MigrationParameters): Promise<void> {
  await qmp.execute('migrate-set-parameters', {
    ...(maxBandwidthBytes === undefined ? {} : { 'max-bandwidth': maxBandwidthBytes }),
    ...(downtimeLimitMs === undefined ? {} : { 'downtime-limit': downtimeLimitMs }),
  });
}

/** Starts to send the machine to whoever listens at `socketPath`; progress comes as MIGRATION events. */
export async function migrate(qmp: QmpSession, socketPath: string): Promise<void> {
  await qmp.execute('migrate', { uri: `unix:${socketPath}` });
}

/** Makes a QEMU that was started with `-incoming defer` listen at `socketPath`. */
export async function migrateIncoming(qmp: QmpSession, socketPath: string): Promise<void> {
  await qmp.execute('migrate-incoming', { uri: `unix:${socketPath}` });
}

/** After MIGRATION `pre-switchover`, when the disks have been frozen. */
export async function migrateContinue(qmp: QmpSession): Promise<void> {
  await qmp.execute('migrate-continue', { state: 'pre-switchover' });
}

export async function migrateCancel(qmp: QmpSession): Promise<void> {
  await qmp.execute('migrate_cancel');
}

export async function queryMigrate(qmp: QmpSession): Promise<MigrationState> {
  const raw = object(await qmp.execute('query-migrate'), 'query-migrate');
  const errorText = raw['error-desc'];
  return { status: typeof raw.status === 'string' ? raw.status : 'none', ...(typeof errorText === 'string' ? { errorText } : {}), raw };
}

export async function blockdevAdd(qmp: QmpSession, node: QmpArguments): Promise<void> {
  await qmp.execute('blockdev-add', node);
}

export async function blockdevDelete(qmp: QmpSession, nodeName: string): Promise<void> {
  await qmp.execute('blockdev-del', { 'node-name': nodeName });
}

export interface Job {
  readonly id: string;
  /** `created`, `running`, `waiting`, `pending`, `aborting`, `concluded` ... */
  readonly status: string;
  /** Of a concluded one: why it failed, or that it was cancelled; undefined: it did its work. */
  readonly error?: string;
}

export interface BlockCommit {
  /** Letters, digits, `-`, `.`, `_`. The job is there, concluded, until `jobDismiss`. */
  readonly id: string;
  /** The layer that is written to. Not one of those that are merged. */
  readonly active: string;
  /** All layers above `base` up to `top` go into `base`; then they are out of the chain, as nodes without use. */
  readonly base: string;
  readonly top: string;
  /** 0 is without limit. */
  readonly bytesPerSecond: number;
}

/** Begins to merge layers of a running chain. */
export async function blockCommit(qmp: QmpSession, { id, active, base, top, bytesPerSecond }: BlockCommit): Promise<void> {
  // No image of ours names its backing file: with one `qemu-img map` would tell of that, too.
  await qmp.execute('block-commit', { 'job-id': id, device: active, 'base-node': base, 'top-node': top, 'backing-file': '', speed: bytesPerSecond, 'auto-dismiss': false });
}

export async function queryJobs(qmp: QmpSession): Promise<Job[]> {
  return list(await qmp.execute('query-jobs'), 'query-jobs').map((job) => ({ id: text(job, 'id'), status: text(job, 'status'), ...(typeof job.error === 'string' ? { error: job.error } : {}) }));
}

export async function jobCancel(qmp: QmpSession, id: string): Promise<void> {
  await qmp.execute('job-cancel', { id });
}

export async function jobDismiss(qmp: QmpSession, id: string): Promise<void> {
  await qmp.execute('job-dismiss', { id });
}

/** Puts each `overlay` (added with `"backing": null`) on top of its `node`, all at one instant or none. */
export async function snapshotDisks(qmp: QmpSession, snapshots: readonly BlockSnapshot[]): Promise<void> {
  if (snapshots.length === 0) return;
  await qmp.execute('transaction', { actions: snapshots.map(({ node, overlay }) => ({ type: 'blockdev-snapshot', data: { node, overlay } })) });
}

export async function queryVersion(qmp: QmpSession): Promise<QemuVersion> {
  const answer = object(await qmp.execute('query-version'), 'query-version');
  const { major, minor, micro } = object(answer.qemu, 'query-version');
  if (typeof major !== 'number' || typeof minor !== 'number' || typeof micro !== 'number') throw unexpected('query-version', 'three numbers');
  return { major, minor, micro, package: typeof answer.package === 'string' ? answer.package : '' };
}

export async function queryMachines(qmp: QmpSession): Promise<MachineInfo[]> {
  return list(await qmp.execute('query-machines'), 'query-machines').map((machine) => ({
    name: text(machine, 'name'),
    ...(typeof machine.alias === 'string' ? { alias: machine.alias } : {}),
    deprecated: machine.deprecated === true,
  }));
}

/** The CPU models, with the features that this host and accelerator cannot give them. */
export async function queryCpuDefinitions(qmp: QmpSession): Promise<CpuInfo[]> {
  return list(await qmp.execute('query-cpu-definitions'), 'query-cpu-definitions').map((cpu) => {
    const missing = cpu['unavailable-features'];
    return { name: text(cpu, 'name'), unavailableFeatures: Array.isArray(missing) ? missing.filter((feature) => typeof feature === 'string') : [] };
  });
}

export async function queryBlockJobs(qmp: QmpSession): Promise<QmpArguments[]> {
  return list(await qmp.execute('query-block-jobs'), 'query-block-jobs');
}

export async function queryNamedBlockNodes(qmp: QmpSession): Promise<QmpArguments[]> {
  return list(await qmp.execute('query-named-block-nodes', { flat: true }), 'query-named-block-nodes');
}

function object(value: unknown, command: string): Record<string, unknown> {
  if (!isObject(value)) throw unexpected(command, 'an object');
  return value;
}

function list(value: unknown, command: string): Record<string, unknown>[] {
  if (!Array.isArray(value) || !value.every(isObject)) throw unexpected(command, 'a list of objects');
  return value;
}

function text(value: Record<string, unknown>, key: string): string {
  const found = value[key];
  if (typeof found !== 'string') throw unexpected(key, 'a text');
  return found;
}

function unexpected(subject: string, expected: string): Fault {
  return new Fault('QMP_PROTOCOL', { subject, expected, found: 'something else' });
}
