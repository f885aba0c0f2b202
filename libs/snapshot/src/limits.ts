/**
 * Every limit of format v1, with its reason. A decoder checks them before it allocates or loops; the writer keeps
 * within them. The relations at the end are asserted when the module is loaded, so that no limit can be changed alone.
 */
import { ok } from 'node:assert/strict';

const KiB = 1024;
const MiB = 1024 * KiB;

// Geometry. Fixed sizes: content-defined ones would tell the store about the content.
/** x86 pages; what QEMU's migration stream and userfaultfd work with. */
export const ramPageBytes = 4 * KiB;
/** The cluster of qcow2, the unit in which an overlay allocates. */
export const diskPageBytes = 64 * KiB;
/** One fault fetches one frame: larger ones waste a slow line, smaller ones compress worse and cost a tag each. */
export const framePageBytesMax = 256 * KiB;
/** Slots are numbered in one byte; 64 RAM pages or 4 disk pages fill a frame. */
export const framePagesMax = 64;
/** One leaf covers 4 MiB of RAM or 64 MiB of disk: small against what changes between checkpoints. */
export const leafPages = 1024;

// Frames.
/** region u16, count u16. */
export const frameHeaderBytes = 4;
export const framePlainBytesMax = frameHeaderBytes + framePagesMax * 4 + framePageBytesMax;
/** The tag of ChaCha20-Poly1305. */
export const tagBytes = 16;

// Packs.
/** One PUT and at most a few seconds on a slow line; four in flight stay far below the writer's memory. */
export const packBytesMax = 8 * MiB;
/** magic, version, suite, desktop, key generation, epoch, pack, host: what the pack's keys are derived from. */
export const packContextBytes = 4 + 2 + 2 + 16 + 4 + 8 + 16 + 16;
export const packCommitmentBytes = 32;
export const packHeaderBytes = packContextBytes + packCommitmentBytes;
/** A pack of nothing but the smallest frames; keeps the footer below 64 KiB. */
export const packFramesMax = 4096;
/** sealed length u32, plain length u32, kind u8, flags u8. */
export const footerEntryBytes = 10;
export const footerPlainBytesMax = 4 + packFramesMax * footerEntryBytes;
/** sealed footer length u32, magic u32. */
export const packTrailerBytes = 8;

// Page table.
/** pack index u16, frame index u16, offset u32, sealed u32, plain u32, flags u8. */
export const tableLocationBytes = 17;
/** A leaf whose pages all lie in different frames of different packs. */
export const leafPlainBytesMax = 2 + 4 + 2 + 2 + leafPages * 16 + 2 + leafPages * tableLocationBytes + leafPages * 3;
/** 512 GiB of RAM or 8 TiB of disk in one checkpoint. */
export const tableLeavesMax = 131_072;
/** Every leaf with two packs of its own still fits; a root beyond it is a hostile one. */
export const rootPlainBytesMax = 5 * MiB;
/** Pages are numbered in 32 bits everywhere. */
export const regionPagesMax = tableLeavesMax * leafPages;
/** RAM blocks, ROMs, firmware, device blob and disks: QEMU has about 20. */
export const regionsMax = 64;
/** QEMU's own limit of a RAM block's name. */
export const regionNameBytesMax = 255;
/** A device blob or firmware is read into memory whole. */
export const readRegionBytesMax = 64 * MiB;

// Manifest.
/** 128 GiB of full packs; their list is what makes a manifest long. */
export const manifestPacksMax = 16_384;
/** Moves since the oldest page that still lives was written, a year of four a day; a desktop that moves more often is compacted before. */
export const manifestOriginsMax = 1536;
/** desktop, epoch u64, key generation u32, host. */
export const manifestOriginBytes = 16 + 8 + 4 + 16;
/** The machine contract with every device spelled out takes about 4 KiB. */
export const contractBytesMax = 64 * KiB;
/** A manifest travels inside one commit request, which the coordinator bounds. */
export const manifestBytesMax = MiB;
export const signatureBytes = 64;

/** No object of the store is larger: an answer that is longer is refused while it arrives. */
export const objectBytesMax = packBytesMax;

// The writer's memory, about 64 MiB in all.
/** Frames in compression: enough for every thread of libuv's pool to have a next one (each about 0.5 MiB). */
export const framesInFlightMax = 16;
/** Frames that still take pages, beside those in compression. */
export const openFramesMax = 12;
/** Sealed packs on their way to the store, beside the one being filled. */
export const packsInFlightMax = 4;
/** Threads that fill packs for one capture, each 8 MiB: more would wait for QEMU, which sends from one thread. */
export const packThreadsMax = 3;

// The reader's memory and requests.
/** Decoded leaves kept; all leaves of 16 GiB of RAM fit. */
export const leafCacheBytesMax = 64 * MiB;
/** Sealed frames of one pack with a smaller gap between them are fetched in one request: cheaper than another round trip. */
export const coalesceGapBytes = 64 * KiB;
/** The most that one coalesced request asks for. */
export const coalesceBytesDefault = 2 * MiB;
/** Requests of one bulk read that are under way at once. */
export const readsInFlightMax = 4;
/** Threads of verify: each holds a pack and a plaintext, about 13 MiB. */
export const verifyThreadsMax = 4;

ok(framePagesMax * ramPageBytes === framePageBytesMax, 'a full frame of RAM is exactly the largest frame');
ok(framePageBytesMax % diskPageBytes === 0, 'disk pages fill a frame');
ok(framePagesMax <= 256, 'a slot fits one byte');
ok(leafPages < 0xffff, 'a frame reference of a leaf fits 16 bits, with one value left for zero');
ok(regionPagesMax <= 2 ** 32, 'a page number fits 32 bits');
ok(Number.isSafeInteger(regionPagesMax * diskPageBytes), 'a byte offset is an exact number');
ok(packFramesMax <= 0xffff && manifestPacksMax <= 0x1_0000 && manifestOriginsMax <= 0x1_0000, 'indices fit 16 bits');
const packOverheadBytesMax = packHeaderBytes + footerPlainBytesMax + tagBytes + packTrailerBytes;
ok(packOverheadBytesMax + rootPlainBytesMax + tagBytes <= packBytesMax, 'the largest root fits an empty pack, stored raw');
ok(packOverheadBytesMax + framePlainBytesMax + tagBytes <= packBytesMax && leafPlainBytesMax < rootPlainBytesMax, 'so does everything smaller');
ok(tableLeavesMax * (2 + tableLocationBytes + 2 * 2) + manifestPacksMax * 16 <= rootPlainBytesMax, 'the largest table fits a root');
ok(manifestPacksMax * (2 + 16 + 4 + 32) + contractBytesMax + manifestOriginsMax * manifestOriginBytes + regionsMax * (12 + regionNameBytesMax) + 1024 <= manifestBytesMax, 'the longest list of packs fits a manifest');
ok(manifestBytesMax <= objectBytesMax, 'a manifest is an object');
const writerBytesMax = (packsInFlightMax + 1) * packBytesMax + (framesInFlightMax * 3 + openFramesMax) * framePlainBytesMax;
ok(writerBytesMax <= 64 * MiB, 'the writer stays within its memory');
