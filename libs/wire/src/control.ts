import { z } from 'zod';
import { moved, moveWish } from './control-move.ts';
import { offlineMode } from './leases.ts';
import { auditLeafLimitBytes, proofHashesLimit, treeHeadLimitBytes } from './limits.ts';
import { quotas } from './quotas.ts';
import { boundedBytes, exactBytes } from './values.ts';

/**
 * What the `godwit` CLI and the agent say to each other over `control.sock`: one request line, then event lines
 * (progress), then exactly one line with a result or a fault. A second line of the CLI, `{"cancel":true}`, calls the command off as far as that
 * still goes; the answer says what came of it. Lines are JSON, at most `controlLineBytesMax` long.
 * The results are also what `--json` prints.
 */
export const controlLineBytesMax = 1 << 20;

/** A slower upload of one object would outlive what a store gives one request. */
export const uploadLimitBytesPerSecondMin = 128 * 1024;

const name = z.string().regex(/^[A-Za-z0-9][A-Za-z0-9._-]{0,62}$/, 'a name: letters, digits, dot, dash, underscore, at most 63');
const id = z.string().regex(/^[0-9a-f]{32}$/);
const count = z.int().min(0);

const accountSummary = z.object({ accountId: id, hostId: id, hostName: name, coordinator: z.string(), fingerprint: z.string() });

const disk = z.object({ lengthBytes: count });

export const departFigures = z.object({
  /** STOP event to the last byte of the state in the agent's hands: how long a guest that goes on here would stand still. */
  pauseMs: z.number(),
  /** The command to the acknowledged commit. */
  durableMs: z.number(),
  ramBytesScanned: count,
  /** RAM pages whose content differs from the parent checkpoint. */
  pagesChanged: count,
  diskPagesWritten: count,
  bytesUploaded: count,
  /** Of those: what had not left this host yet when the guest stopped. */
  bytesLeftAtStop: count,
  /** When the guest stopped, on this machine's monotonic clock; lets a move on one machine be measured whole. */
  stoppedAtMs: z.number(),
  agentResidentBytes: count,
});

export const arriveFigures = z.object({
  /** The command to QEMU's RESUME event. */
  runningMs: z.number().nullable(),
  bytesBeforeRunning: count,
  ramBytesBeforeRunning: count,
  /** The command to the first byte on the serial line; null until there is one. */
  firstOutputMs: z.number().nullable(),
  /** The command to the last page delivered; null while it fills. */
  completeMs: z.number().nullable(),
  /** What came from the store: ciphertext of packs, page table and device state included. */
  bytesFetched: count,
  /** What this host's cache had of it instead. */
  bytesFromCache: count,
  pagesOnDemand: count,
  /** Pages of the working set that the checkpoint named, and those of them that were sent before the guest asked. */
  workingSetPages: count,
  pagesPrefetched: count,
  eager: z.boolean(),
  eagerReason: z.string().nullable(),
  resumedAtMs: z.number().nullable(),
  agentResidentBytes: count,
});

export const desktopStatus = z.object({
  name,
  desktopId: id,
  /** Here: what the agent's machine does. Elsewhere: who holds it. Saved: on this machine only, until it is in the store. Left: taken over elsewhere, what is here becomes a desktop of its own. Free: safe in the store, held by nobody. Lost: held here, but its machine is not. Damaged: here, and its record cannot be read. */
  state: z.enum(['stopped', 'running', 'departing', 'arriving', 'filling', 'unknown', 'lost', 'saved', 'left', 'damaged', 'elsewhere', 'free', 'new']),
  holder: name.nullable(),
  epoch: count,
  sequence: count.nullable(),
  memoryBytes: count.nullable(),
  arrival: arriveFigures.nullable(),
  departure: departFigures.nullable(),
  qemuResidentBytes: count.nullable(),
  note: z.string().nullable(),
  /** What becomes of it without word from the coordinator. */
  offline: offlineMode,
  /** Here: what this host knows of its right to run it. */
  holding: z.enum(['confirmed', 'alone', 'asleep', 'asking', 'waiting', 'superseded']).nullable(),
});

const checkpointSummary = z.object({ sequence: count, epoch: count, host: name, createdMs: count, bytes: count, digest: z.string() });

/** Proof that one leaf is in the coordinator's audit log; `godwit audit --receipt` checks it without asking anybody. */
export const controlReceipt = z.strictObject({
  version: z.literal(1),
  audience: z.string().min(1).max(255),
  logKey: exactBytes(32),
  index: count,
  leaf: boundedBytes(auditLeafLimitBytes),
  inclusion: z.array(exactBytes(32)).max(proofHashesLimit),
  head: boundedBytes(treeHeadLimitBytes),
});
export type ControlReceipt = z.infer<typeof controlReceipt>;

const auditLeaf = z.object({
  index: count,
  kind: z.string(),
  host: z.string().nullable(),
  desktopId: id.nullable(),
  subject: id.nullable(),
  epoch: count.nullable(),
  sequence: count.nullable(),
  digest: z.string().nullable(),
  timeMs: count,
});

/** One thing that the doctor looked at. `code` is stable; `hint`: what to do; `fix`: what `--fix` does about it, null where that takes judgement. */
const finding = z.object({ code: z.string(), check: z.string(), state: z.enum(['good', 'degraded', 'bad']), found: z.string(), hint: z.string().nullable(), fix: z.string().nullable(), fixed: z.boolean() });

const command = <Arguments extends z.ZodType, Result extends z.ZodType>(args: Arguments, result: Result) => ({ arguments: args, result });

/** A checkpoint of a desktop: NAME@SEQ on the command line. */
const past = z.object({ name, sequence: z.int().min(1) });
const retention = z.object({ last: count, hourly: count, daily: count });
const objectsAndBytes = z.object({ objects: count, bytes: count });

/** Passes over the socket only; never an argument, never in the environment. */
const passphrase = z.string().min(1).max(1024);
/** `passphrase`: seals the host's keys; null: the system's credential store does, where there is one. */
const enrolment = z.object({ coordinator: z.url(), hostName: name, passphrase: passphrase.nullable() });

/** Every command of the agent: its arguments and its result. */
export const controlCommands = {
  init: command(enrolment, accountSummary.extend({ recoveryWords: z.array(z.string()).length(24) })),
  /**
   * `account`: the fingerprint that the account must have; null: any. Without `confirmed` nothing is saved when it was approved (`done` false): a person compares
   * the fingerprint, and the same again with `confirmed` completes it.
   */
  join: command(enrolment.extend({ account: z.string().max(64).nullable(), confirmed: z.boolean() }), accountSummary.extend({ done: z.boolean() })),
  recover: command(enrolment.extend({ words: z.string().max(1024) }), accountSummary.extend({ others: z.array(z.string()) })),
  unlock: command(z.object({ passphrase }), z.object({ hostName: name })),
  /** `look`: what is known of the machine that shows the code, and nothing is decided. */
  approve: command(
    z.object({ code: z.string().max(160), decision: z.enum(['look', 'approve', 'refuse']) }),
    z.object({
      decision: z.enum(['look', 'approve', 'refuse']),
      hostId: id,
      hostName: name,
      fingerprint: z.string(),
      /** By the coordinator. */
      observed: z.object({ askedMs: count, address: z.string() }),
      /** By the machine itself; nobody has checked it. */
      reported: z.object({ name, system: z.string() }),
    }),
  ),
  hosts: command(z.object({}), z.object({ hosts: z.array(z.object({ hostId: id, name, self: z.boolean(), revoked: z.boolean(), lastContactMs: count.nullable() })) })),
  revoke: command(
    z.object({ host: z.string().min(1).max(64), confirmed: z.boolean() }),
    z.object({
      hostId: id,
      hostName: z.string(),
      /** Desktops that the host holds, with their newest checkpoint: what it did since then is lost. */
      held: z.array(z.object({ name, sequence: count.nullable(), acknowledgedMs: count.nullable() })),
      staying: z.array(z.string()),
      /** Of the account key. */
      generation: count,
      /** False: nothing was changed, this is what would be given up. */
      done: z.boolean(),
    }),
  ),
  rekey: command(
    z.object({ name, full: z.boolean() }),
    z.object({
      name,
      /** Desktop keys that were wrapped again. */
      keys: count,
      generation: count,
      /** With `full`: the new checkpoint, all of it under the newest key, and the packs that it does not need any more. */
      full: z.object({ sequence: count, packs: count, bytes: count, bytesWritten: count }).nullable(),
    }),
  ),
  create: command(
    z.object({ name, image: z.string().max(4096).nullable(), memoryBytes: count, diskBytes: count.nullable(), cpus: z.int().min(1).max(64), offline: offlineMode }),
    z.object({ name, desktopId: id, memoryBytes: count, disks: z.array(disk), machineType: z.string(), cpuModel: z.string(), accelerator: z.enum(['kvm', 'tcg']) }),
  ),
  start: command(z.object({ name }), z.object({ name, runningMs: z.number() })),
  /** `goesOnFrom`: it could not stand alone yet; what its guest did since it was resumed is lost, and the next resume goes on from this checkpoint. */
  stop: command(z.object({ name, force: z.boolean() }), z.object({ name, clean: z.boolean(), goesOnFrom: count.nullable() })),
  /** What this host has of a desktop, given up for its newest checkpoint. `done` false: nothing was changed, this is what would be given up. */
  discard: command(z.object({ name, confirmed: z.boolean() }), z.object({ name, sequence: count, acknowledgedMs: count, ageMs: count, diskBytes: count, memoryBytes: count, done: z.boolean() })),
  suspend: command(
    /** The limit: what the upload takes of the line at most; all that it can get unless told. */
    z.object({ name, limitBytesPerSecond: z.int().min(uploadLimitBytesPerSecondMin, `at least ${uploadLimitBytesPerSecondMin} bytes a second`).optional() }),
    z.discriminatedUnion('safe', [
      z.object({ name, sequence: count, epoch: count, depart: departFigures, safe: z.literal(true), receipt: controlReceipt, receiptFile: z.string() }),
      /** Saved on this machine only, for `reason`; it goes to the store by itself when that is in reach. */
      z.object({ name, epoch: count, depart: departFigures, safe: z.literal(false), reason: z.string() }),
    ]),
  ),
  /** A checkpoint of a desktop that goes on running. */
  checkpoint: command(
    z.object({ name }),
    z.object({
      name,
      sequence: count,
      epoch: count,
      /** How the guest was captured while it ran. */
      way: z.enum(['background-snapshot', 'pre-copy']),
      /** How long it stood still: QEMU's STOP event to its RESUME event. */
      pauseMs: z.number(),
      /** The command to the acknowledged commit. */
      durableMs: z.number(),
      ramBytesScanned: count,
      pagesChanged: count,
      diskPagesWritten: count,
      bytesUploaded: count,
      receipt: controlReceipt,
    }),
  ),
  /** `everyMs` 0: not any more. Null: changes nothing. */
  protect: command(
    z.object({ name, everyMs: z.union([z.literal(0), z.int().min(10_000).max(7 * 86_400_000)]).nullable() }),
    z.object({ name, everyMs: count.nullable(), lastMs: count.nullable(), lastSequence: count.nullable(), failing: z.string().nullable() }),
  ),
  resume: command(
    z.object({ name, eager: z.boolean(), wait: z.boolean() }),
    z.object({
      name,
      /** 0: it has no checkpoint in the store yet. */
      sequence: count,
      epoch: count,
      /** It was saved on this machine only, and goes on from that. */
      fromHere: z.boolean(),
      arrive: arriveFigures,
    }),
  ),
  status: command(z.object({ name: name.nullable() }), z.object({ hostName: name, coordinator: z.string(), reachable: z.boolean(), desktops: z.array(desktopStatus), /** Absent while the coordinator is out of reach, or knows none. */ quotas: quotas.optional() })),
  takeover: command(
    /** `withoutAsking`: even if the holder is in reach. */
    z.object({ name, confirmed: z.boolean(), withoutAsking: z.boolean(), eager: z.boolean() }),
    z.object({
      name,
      /** Who held it, until now or still. */
      holder: name,
      inReach: z.boolean(),
      holderContactMs: count.nullable(),
      offline: offlineMode,
      /** A strict lease: for so long nobody can take it over. */
      waitMs: count,
      /** What goes on: this checkpoint, so old. What the holder did since then stays with the holder. */
      sequence: count,
      acknowledgedMs: count,
      ageMs: count,
      /** False: nothing was changed, this is what would be given up. */
      done: z.boolean(),
      /** `suspended`: the holder was in reach and suspended it, nothing was given up. `taken`: the copy that it has becomes a desktop of its own. */
      how: z.enum(['suspended', 'taken']).nullable(),
      epoch: count,
      arrive: arriveFigures.nullable(),
    }),
  ),
  move: command(moveWish, moved.extend({ /** Where it runs here. */ arrive: arriveFigures.nullable() })),
  /** Whether other hosts of the account may have a desktop resumed on this one. Null: changes nothing. */
  arrivals: command(z.object({ allowed: z.boolean().nullable() }), z.object({ allowed: z.boolean(), changed: z.boolean() })),
  policy: command(z.object({ name, offline: offlineMode.nullable() }), z.object({ name, offline: offlineMode, signedBy: z.string().nullable(), signedMs: count.nullable(), changed: z.boolean() })),
  history: command(z.object({ name }), z.object({ name, checkpoints: z.array(checkpointSummary) })),
  fork: command(past.extend({ newName: name }), past.extend({ newName: name, desktopId: id, sharedBytes: count, generationId: z.string() })),
  rollback: command(
    past.extend({ confirmed: z.boolean() }),
    /** `done` false: nothing was changed, this is what would be given up. */
    past.extend({ keptAs: name, givenUp: z.object({ checkpoints: count, spanMs: z.number(), newestMs: count }), done: z.boolean() }),
  ),
  prune: command(
    z.object({ name, retention: retention.nullable(), confirmed: z.boolean(), compact: z.boolean() }),
    z.object({
      name,
      /** What is kept from now on; null: everything, there is no policy. */
      retention: retention.nullable(),
      /** False: nothing was changed, this is what would be. */
      done: z.boolean(),
      dropped: z.array(count),
      kept: count,
      /** Of the whole account: not needed any more, deleted when the grace time is over. */
      waiting: objectsAndBytes,
      /** Of the whole account: locked by the store, deleted when it lets go. */
      locked: objectsAndBytes,
      freed: objectsAndBytes,
      graceMs: count,
      /** `sequence` null: nothing was mostly dead. `bytes`: of the packs that the newest checkpoint does not need any more. */
      compacted: z.object({ sequence: count.nullable(), packs: count, bytes: count, bytesWritten: count }).nullable(),
    }),
  ),
  verify: command(
    z.object({ name, data: z.boolean() }),
    z.object({
      name,
      checkpoints: count,
      packs: count,
      leaves: count,
      frames: count,
      pages: count,
      bytes: count,
      missingCount: count,
      damagedCount: count,
      /** At most 1000 each. */
      missing: z.array(z.string()),
      damaged: z.array(z.object({ subject: z.string(), code: z.string(), message: z.string() })),
      /** What the coordinator found by itself, without keys: so many of the objects looked at, the longest ago at `oldestMs`. */
      scrub: z.object({ objects: count, looked: count, oldestMs: count.nullable(), damaged: z.array(z.object({ key: z.string(), finding: z.string() })) }),
      good: z.boolean(),
    }),
  ),
  audit: command(
    z.object({}),
    z.object({
      head: z.object({ size: count, root: z.string(), timeMs: count, signed: z.string() }),
      leaves: count,
      /** The newest 1000. */
      newest: z.array(auditLeaf),
      findings: z.array(z.string()),
      good: z.boolean(),
    }),
  ),
  cache: command(
    /** `limitBytes` null: as it is. `clear`, unless `confirmed`, only says what would go. */
    z.object({ limitBytes: z.union([count, z.literal('default')]).nullable(), clear: z.boolean(), confirmed: z.boolean() }),
    z.object({
      bytes: count,
      /** What it may take; less where the disk is nearly full: `budgetBytes`. */
      limitBytes: count,
      limitIsDefault: z.boolean(),
      budgetBytes: count,
      packs: count,
      /** Reads since the agent began: answered whole, and not. */
      hits: count,
      misses: count,
      bytesFromCache: count,
      bytesFetched: count,
      /** `name` null: of no desktop that is known now. */
      desktops: z.array(z.object({ name: name.nullable(), desktopId: id, packs: count, bytes: count })),
      /** With `clear`: what went, or, not `done`, would go. */
      cleared: z.object({ packs: count, bytes: count, done: z.boolean() }).nullable(),
    }),
  ),
  doctor: command(z.object({ fix: z.boolean().optional() }), z.object({ findings: z.array(finding), verdict: z.enum(['good', 'degraded', 'bad']) })),
  /** `page`: open the agent's own page for it. `file`: of this user alone; it leads a browser to `url`. */
  view: command(z.object({ name, page: z.boolean() }), z.object({ name, screenSocket: z.string(), url: z.string().nullable(), file: z.string().nullable() })),
  console: command(z.object({ name, lines: z.int().min(1).max(10_000) }), z.object({ name, lines: z.array(z.string()) })),
} as const;

export type ControlCommands = typeof controlCommands;
export type ControlCommand = keyof ControlCommands;
export type ControlArguments<Command extends ControlCommand> = z.infer<ControlCommands[Command]['arguments']>;
export type ControlResult<Command extends ControlCommand> = z.infer<ControlCommands[Command]['result']>;

export type DepartFigures = z.infer<typeof departFigures>;
export type ArriveFigures = z.infer<typeof arriveFigures>;
export type DesktopStatus = z.infer<typeof desktopStatus>;
export type DoctorFinding = z.infer<typeof finding>;

/** Progress of the operation under way. Bytes are what is known: `totalBytes` null means unknown, not zero. */
export const controlProgress = z.object({
  phase: z.string(),
  /** Where, if on another host. */
  host: z.string().optional(),
  doneBytes: count,
  totalBytes: count.nullable(),
  /** Over about the last three seconds; null as long as nobody knows. */
  bytesPerSecond: z.number().min(0).nullable(),
  /** For how long yet, at that rate; null where nobody knows, and while nothing moves. */
  leftMs: z.number().min(0).nullable(),
  elapsedMs: z.number(),
  /** A thing to tell the person at once: the join code, why a resume is eager. */
  say: z.string().nullable(),
});
export type ControlProgress = z.infer<typeof controlProgress>;

export const faultJson = z.object({
  code: z.string(),
  kind: z.string(),
  message: z.string(),
  subject: z.string().optional(),
  expected: z.string().optional(),
  found: z.string().optional(),
  hint: z.string(),
});

/** `trace`: the traceparent of whoever asks, so that one id leads through the logs of all who had part in it. */
export const controlRequest = z.object({ command: z.string().max(32), arguments: z.unknown(), trace: z.string().max(64).optional() });
/** The line that calls off the command of its connection. */
export const controlCancel = z.strictObject({ cancel: z.literal(true) });
export const controlReply = z.discriminatedUnion('type', [
  z.object({ type: z.literal('progress'), progress: controlProgress }),
  z.object({ type: z.literal('result'), result: z.unknown() }),
  z.object({ type: z.literal('fault'), fault: faultJson }),
]);
export type ControlReply = z.infer<typeof controlReply>;
