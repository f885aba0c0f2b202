/** What runs outside of a browser too: the checks of the audit log, for the tests that hold them against libs/crypto. */
export { bytesOfText, textOfBytes, type Bytes } from './audit/bytes.ts';
export { checkAudit, type Checked, type CheckedRow, type LogVerdict } from './audit/check.ts';
export { readLeaf, type AuditLeaf } from './audit/leaf.ts';
export { checkConsistency, checkInclusion } from './audit/proofs.ts';
export { AuditVisit, type CheckedAnswer } from './audit/session.ts';
export { openTreeHead, type TreeHead } from './audit/tree-head.ts';
export type { Visit } from './audit/visit.ts';
