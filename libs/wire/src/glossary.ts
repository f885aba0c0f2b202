/** The words of docs/ARCHITECTURE.md, word for word (a test holds the two together), and those that only operators meet. The dashboard and `godwit words` show them. */
export interface GlossaryEntry {
  /** The anchor: what the dashboard's `/glossary#…` goes to. */
  readonly term: string;
  readonly word: string;
  readonly meaning: string;
}

const entry = (word: string, meaning: string): GlossaryEntry => ({ word, meaning, term: termOf(word) });

/** `account, device chain` is `account-device-chain`. */
export function termOf(word: string): string {
  return word.toLowerCase().replaceAll(/[^a-z]+/g, '-');
}

export const houseWords: readonly GlossaryEntry[] = [
  entry('desktop', 'one roaming virtual machine'),
  entry('host', 'a machine with an enrolled agent; its identity is a device key pair'),
  entry('account, device chain', "a user's devices: a hash-linked list of entries, each signed by a device already in it or by the recovery key"),
  entry('coordinator', 'the service that orders things: leases, heads, who belongs to an account; blind to content'),
  entry('replica', 'one of several coordinators on one database, which find each other through a Redis'),
  entry('store', 'where objects lie: a directory of the coordinator or a bucket of S3, reached through signed URLs'),
  entry('checkpoint', "a desktop's whole state at one instant: RAM, device state, disks"),
  entry('region', 'one numbered address space of a checkpoint: a RAM block, a disk, the device state'),
  entry('page', '4 KiB of a RAM region, 64 KiB (one qcow2 cluster) of a disk'),
  entry('frame', 'a run of pages compressed and sealed together; the unit of fetching'),
  entry('pack', 'an object in the store: frames, then a sealed footer'),
  entry('cache', "ranges of packs on a host's own disk, sealed as they are in the store: what it put there or read"),
  entry('page table', 'tree from (region, page) to (pack, frame, slot); unchanged leaves are shared between checkpoints'),
  entry('manifest', 'the signed root of a checkpoint: parent, epoch, machine contract, page-table root, packs with the digests of their ciphertext'),
  entry('head', 'the newest committed manifest of a desktop'),
  entry('lease, epoch', 'the right to run and to commit; a new epoch each time the owner changes; the epoch is part of every object key'),
  entry('working set', 'the pages that a guest asked for in its first moments on a host, in that order; sent first when it comes to the next'),
  entry('depart, arrive', 'suspend on this host, resume on that host; together a move'),
  entry('machine contract', 'versioned machine type, CPU model, devices at fixed addresses, firmware, QEMU version: what a host must offer'),
  entry('fault', 'whatever goes wrong: a code with a kind, what was expected and found, and the next step'),
];

export const pageWords: readonly GlossaryEntry[] = [
  entry('protection', 'how the newest durable checkpoint of a desktop stands against the policy: fresh up to 15 min old, late above that, unprotected above 24 h or without any; safe while nobody holds it'),
  entry('at risk', 'what would be lost if the host of a desktop died this instant: all since its newest durable checkpoint'),
  entry('held', 'a host has the lease and was heard of lately'),
  entry('free', 'nobody has the lease; all of the desktop is in the store'),
  entry('out of reach', 'a host has the lease and the coordinator has not heard of it lately'),
  entry('barred', 'kept out of this coordinator by an operator; the device chain of its account is not touched'),
  entry('bottleneck', 'the phase of a move that took the longest'),
  entry('passkey', 'what an operator signs in with: a key pair in their device or security key, for this coordinator alone'),
];
