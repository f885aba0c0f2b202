/**
 * Bounds of everything that crosses the wire, in one place with their reasons. Decoders check them before they allocate.
 */

/** A request body; the largest is a commit: 1 MiB of manifest as base64url (1.34 MiB) and its frame. */
export const requestBodyLimitBytes = 2 * 1024 * 1024;
/** Nesting of a JSON body. The deepest schema here nests 5; a deep body costs stack and time. */
export const jsonDepthLimit = 16;
/** A manifest: about 100 bytes per pack, so 10,000 packs (80 GiB of packs) fit. */
export const manifestLimitBytes = 1024 * 1024;
/** One entry of a device chain: two public keys, a name, a signature; 1 KiB would do. */
export const chainEntryLimitBytes = 4096;
/** A chain is replayed whole by every device; a person does not own thousands of machines. */
export const chainLengthLimit = 4096;
/** Entries in one answer of `GET /v1/chain`. */
export const chainPageLimit = 128;
/** A sealed account key with its signature; 300 bytes today. */
export const grantLimitBytes = 4096;
/** Grants in one request or answer: one per device and generation that concerns the caller. */
export const grantsLimit = 256;
/** A desktop key sealed under the account key; 100 bytes today. */
export const wrappedKeyLimitBytes = 1024;
/** Generations of wrapped keys of one desktop. */
export const wrappedKeysLimit = 256;
/** Characters of a host's name, as in its chain entry. */
export const hostNameLimit = 64;
/** Characters of a desktop's name: it becomes a directory and a terminal column. */
export const desktopNameLimit = 63;
/** Desktops in one account at the most, whatever its quota says: they are listed in one answer. */
export const desktopsLimit = 1024;
/** Signed URLs minted by one request. */
export const urlsLimit = 64;
/** Life of a signed URL, which is also how long a revoked device keeps access to objects. */
export const urlLifeMs = 60_000;
/** An object in the store: a pack is at most 8 MiB and gets its footer on top; twice that is never reached. */
export const objectLimitBytes = 16 * 1024 * 1024;
/** An object's key: `d/<32>/e/<16>/h/<32>/<kind>/<32>` and room to grow. */
export const objectKeyLimit = 256;
/** A signed URL; S3's are about 600 characters. */
export const urlLimit = 4096;
/** Checkpoints in one answer of the history. */
export const checkpointsPageLimit = 256;
/** How long a machine that asked to join waits for approval. */
export const joinLifeMs = 10 * 60_000;
/** Characters of a join code: eight words of at most eight letters, and what is between them. */
export const joinCodeLimit = 71;
/** Characters of what a machine that asks to join says of itself. */
export const reportedSystemLimit = 64;
/** One message of the event stream. */
export const eventLimitBytes = 16 * 1024;
/** A signed tree head: 118 bytes and the coordinator's name, which has at most 255 (libs/crypto). */
export const treeHeadLimitBytes = 512;
/** A signed offline policy: two ids, a time, a mode, a signature (libs/crypto). */
export const offlinePolicyLimitBytes = 256;
/** A signed arrival order: four ids, two numbers, a signature (libs/crypto). */
export const arrivalOrderLimitBytes = 256;
/** A witness: a tree head, two ids and two signatures (libs/crypto). */
export const witnessLimitBytes = 512;
/** A leaf of the audit log: 180 bytes and its witness (libs/crypto). */
export const auditLeafLimitBytes = 1024;
/** A tree of 2^53 leaves has proofs of 54 hashes. */
export const proofHashesLimit = 54;
/** Leaves with their proofs in one answer: 256 of 1.5 KiB each. */
export const auditPageLimit = 256;
