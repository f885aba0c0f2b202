/** The decoders of format v1 (docs/format.md), for whoever reads objects without a checkpoint around them. */
export { keysOfPack } from './keys.ts';
export { decodeLeaf } from './leaf.ts';
export { readPack, type OpenedPack } from './pack.ts';
export { encodePackContext, openFrame, type FooterEntry, type FrameKind, type FramePlace, type PackContext } from './pack-format.ts';
export { decodePageFrame } from './page-frame.ts';
export { decodeRoot, type Root } from './root.ts';
export { readWholePack } from './verify-pack.ts';
