import { Fault, type Random } from '@godwit/base';
import { z } from 'zod';

/**
 * The machine contract, version 1: everything a host must offer so that a saved state loads there. A saved state
 * cannot gain devices later, so it names from the first day every device that later services need (command-line.ts).
 * It travels inside each checkpoint's manifest, sealed and signed, and is checked before anything is fetched.
 */
export const contractVersion = 1;

/** Four cold-plugged disks: a hot-plugged one crashes an older QEMU at arrival (qemu-facts.md), so the spare ones are there from the start. */
export const diskCount = 4;
/** Size of a disk that is not in use: one cluster is the smallest that virtio-blk and qcow2 both take without remarks. */
export const spareDiskBytes = 1 << 20;
/** Bound of the encoded contract; the format allows 64 KiB. */
export const contractBytesMax = 16 * 1024;

const diskSchema = z.strictObject({ lengthBytes: z.int().min(spareDiskBytes).max(2 ** 44) });

export const contractSchema = z.strictObject({
  version: z.literal(contractVersion),
  /** Versioned, never an alias: the alias means something else on the next QEMU. */
  machineType: z.string().regex(/^pc-q35-\d{1,2}\.\d{1,2}$/),
  /** Model with its flags; x86-64-v2 level, so that every 64-bit host since 2009 qualifies. */
  cpuModel: z.string().regex(/^[A-Za-z0-9_.-]{1,64}(,[a-z0-9_.-]{1,32}=(on|off)){0,16}$/),
  /** A state saved under one accelerator is only promised to load under the same one. */
  accelerator: z.enum(['kvm', 'tcg']),
  cpus: z.int().min(1).max(64),
  memoryBytes: z.int().min(64 * 2 ** 20).max(2 ** 40).multipleOf(2 ** 20),
  disks: z.array(diskSchema).length(diskCount),
  macAddress: z.string().regex(/^52:54:00(:[0-9a-f]{2}){3}$/),
  /** The VM generation id (vmgenid): a fork gets another one, a move keeps it. */
  generationId: z.uuid().lowercase(),
  machineId: z.uuid().lowercase(),
  firmware: z.strictObject({ file: z.string().regex(/^[A-Za-z0-9._-]{1,64}$/), lengthBytes: z.int().min(1).max(2 ** 26), sha256: z.string().regex(/^[0-9a-f]{64}$/) }),
  /** The QEMU that wrote the state, and the oldest that may load it. */
  qemu: z.strictObject({ savedWith: z.string().regex(/^\d{1,3}(\.\d{1,3}){1,2}$/), atLeast: z.string().regex(/^\d{1,3}\.\d{1,3}$/) }),
});

export type MachineContract = z.infer<typeof contractSchema>;

/** Canonical: the keys in the order of the schema, no white space; `decodeContract` refuses every other spelling. */
export function encodeContract(contract: MachineContract): Buffer {
  const ordered = contractSchema.parse(contract);
  return Buffer.from(JSON.stringify(ordered));
}

/** Throws CONTRACT_INVALID on anything that is not exactly what `encodeContract` writes. */
export function decodeContract(bytes: Uint8Array): MachineContract {
  if (bytes.length > contractBytesMax) throw new Fault('CONTRACT_INVALID', { expected: `at most ${contractBytesMax} bytes`, found: `${bytes.length}` });
  let contract: MachineContract;
  try {
    contract = contractSchema.parse(JSON.parse(Buffer.from(bytes).toString('utf8')));
  } catch (error) {
    throw new Fault('CONTRACT_INVALID', { cause: error });
  }
  if (!encodeContract(contract).equals(bytes)) throw new Fault('CONTRACT_INVALID', { expected: 'the canonical encoding', found: 'another' });
  return contract;
}

export interface NewMachine {
  readonly cpus: number;
  readonly memoryBytes: number;
  readonly diskBytes: number;
  readonly accelerator: 'kvm' | 'tcg';
  readonly firmware: MachineContract['firmware'];
  readonly qemuVersion: string;
}

/** Versioned: what a desktop sees never changes under it. */
export const machineOfNewDesktops = 'pc-q35-7.2';

/** The contract of a desktop made today. Throws VALUE_OUT_OF_RANGE for sizes the schema refuses. */
export function newContract(wish: NewMachine, random: Random): MachineContract {
  const parsed = contractSchema.safeParse({
    version: contractVersion,
    machineType: 'pc-q35-7.2',
    cpuModel: 'Nehalem-v1,la57=off',
    accelerator: wish.accelerator,
    cpus: wish.cpus,
    memoryBytes: wish.memoryBytes,
    disks: [wish.diskBytes, spareDiskBytes, spareDiskBytes, spareDiskBytes].map((lengthBytes) => ({ lengthBytes })),
    macAddress: `52:54:00:${[...random(3)].map((byte) => byte.toString(16).padStart(2, '0')).join(':')}`,
    generationId: randomUuid(random),
    machineId: randomUuid(random),
    firmware: wish.firmware,
    qemu: { savedWith: wish.qemuVersion, atLeast: '7.2' },
  });
  if (parsed.success) return parsed.data;
  const [issue] = parsed.error.issues;
  throw new Fault('VALUE_OUT_OF_RANGE', { subject: issue?.path.join('.') ?? 'machine', expected: issue?.message ?? 'a possible machine' });
}

/** RFC 9562 version 4. */
export function randomUuid(random: Random): string {
  const bytes = random(16);
  bytes[6] = (bytes[6]! & 0x0f) | 0x40;
  bytes[8] = (bytes[8]! & 0x3f) | 0x80;
  return bytes.toString('hex').replace(/^(.{8})(.{4})(.{4})(.{4})(.{12})$/, '$1-$2-$3-$4-$5');
}
