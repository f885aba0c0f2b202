/**
 * The numbers of the NBD protocol (https://github.com/NetworkBlockDevice/nbd/blob/master/doc/proto.md), as far as this
 * server speaks it: fixed newstyle handshake, structured replies, the meta context `base:allocation`. Not spoken, and
 * answered as unsupported: TLS, extended headers, resize, cache, fast zero.
 */

export const magic = {
  /** "NBDMAGIC", the first eight bytes a server sends. */
  server: 0x4e42_444d_4147_4943n,
  /** "IHAVEOPT", after it, and before every option of the client. */
  option: 0x4948_4156_454f_5054n,
  optionReply: 0x0003_e889_0455_65a9n,
  request: 0x2560_9513,
  simpleReply: 0x6744_6698,
  structuredReply: 0x668e_33ef,
} as const;

export const handshakeFlag = { fixedNewstyle: 1, noZeroes: 2 } as const;

export const option = {
  exportName: 1,
  abort: 2,
  list: 3,
  info: 6,
  go: 7,
  structuredReply: 8,
  listMetaContext: 9,
  setMetaContext: 10,
} as const;

export const optionReply = {
  ack: 1,
  server: 2,
  info: 3,
  metaContext: 4,
  errorUnsupported: 0x8000_0001,
  errorInvalid: 0x8000_0003,
  errorUnknown: 0x8000_0006,
} as const;

export const info = { export: 0, blockSize: 3 } as const;

export const transmissionFlag = {
  hasFlags: 1 << 0,
  readOnly: 1 << 1,
  sendFlush: 1 << 2,
  sendFua: 1 << 3,
  sendTrim: 1 << 5,
  sendWriteZeroes: 1 << 6,
  sendDf: 1 << 7,
  canMultiConn: 1 << 8,
} as const;

export const command = {
  read: 0,
  write: 1,
  disconnect: 2,
  flush: 3,
  trim: 4,
  writeZeroes: 6,
  blockStatus: 7,
} as const;

export const commandFlag = {
  /** The change is durable before its reply. */
  fua: 1 << 0,
  /** WRITE_ZEROES must not leave a hole. */
  noHole: 1 << 1,
  /** READ must be answered in one chunk of data. */
  dontFragment: 1 << 2,
  /** BLOCK_STATUS must be answered with one extent. */
  oneExtent: 1 << 3,
} as const;

export const chunkFlagDone = 1;
export const chunk = { none: 0, offsetData: 1, offsetHole: 2, blockStatus: 5, error: 0x8001, errorOffset: 0x8002 } as const;

/** States of an extent in the context `base:allocation`. */
export const extentFlag = { hole: 1, zero: 2 } as const;
export const allocationContext = 'base:allocation';
export const allocationContextId = 1;

/** Error numbers of the protocol (not of the host's libc, though they look like Linux's). */
export const nbdError = { none: 0, eperm: 1, eio: 5, einval: 22, enospc: 28 } as const;
export type NbdError = (typeof nbdError)[keyof typeof nbdError];

/** Every limit of this server, checked before anything is allocated or done. */
export const nbdLimits = {
  /** The longest string of the specification. */
  nameBytes: 4096,
  /** Data of one option; the longest sensible one is a name with a few queries. */
  optionBytes: 64 * 1024,
  /** Options in one handshake: QEMU sends four; more than this is a client that never wants to get to work. */
  options: 64,
  /** READ and WRITE; the customary maximum that clients assume (QEMU's NBD_MAX_BUFFER_SIZE), announced in NBD_INFO_BLOCK_SIZE. */
  requestBytes: 32 * 1024 * 1024,
  /** A longer BLOCK_STATUS is answered for its first part, as the specification allows: bounds the extents one reply asks of the backend. */
  statusBytes: 1024 * 1024 * 1024,
  /** Extents in one BLOCK_STATUS reply; the client asks again for the rest. */
  extents: 8192,
  /** Chunks in one READ reply; a read that is more fragmented is answered as one piece of data. */
  chunks: 64,
  /** A shorter run of zeros travels as data: a chunk of its own would not pay. */
  holeBytes: 4096,
  /** Requests in flight on one connection, until their reply has left; QEMU's client keeps at most 16. */
  requestsInFlight: 32,
  /** Bytes of requests in flight on all connections: the next request waits for it, so the real bound is this plus one request. */
  inFlightBytes: 64 * 1024 * 1024,
  connections: 8,
  /** A client that has not chosen its export by then is cut off. */
  handshakeMs: 10_000,
  /** sun_path of Linux, without its closing zero byte. */
  socketPathBytes: 107,
} as const;
