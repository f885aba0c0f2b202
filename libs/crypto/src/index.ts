export * from './identity.ts';
export * from './kdf.ts';
export * from './key-tree.ts';
export * from './seal.ts';
export * from './secrets.ts';
export { domainHash, sha256, sha256Bytes } from './sha256.ts';
export * from './signature.ts';
export { cryptoReady } from './sodium.ts';
