import type { Wording } from '../words/wordings.ts';
import type { LogVerdict } from './check.ts';
import type { AuditLeaf } from './leaf.ts';

/** What the audit log says, in sentences. Pure. */

/** A name for an id, or the id's first digits. */
export type NameOf = (id: string) => string;

/** The kinds of docs/protocol.md, "Audit log", in that order. */
export const leafKinds = [
  'account-created', 'host-added', 'host-revoked', 'key-granted', 'join-refused', 'desktop-created', 'desktop-acquired', 'desktop-released', 'desktop-taken-over', 'offline-policy-saved',
  'checkpoint-committed', 'desktop-forked', 'policy-saved', 'desktop-renamed', 'checkpoints-dropped', 'objects-deleted', 'desktop-key-added', 'desktop-key-wrapped-again',
  'host-barred', 'host-admitted',
] as const;
type LeafKind = (typeof leafKinds)[number];

const sentences: Record<LeafKind, (leaf: AuditLeaf, at: { desktop: string; subject: string }) => string> = {
  'account-created': (_, { subject }) => `made the account, with ${subject} as its first device`,
  'host-added': (_, { subject }) => `let ${subject} into the account`,
  'host-revoked': (_, { subject }) => `put ${subject} out of the account`,
  'key-granted': ({ sequence }, { subject }) => `granted the account key of generation ${sequence ?? '?'} to ${subject}`,
  'join-refused': (_, { subject }) => `refused to let ${subject} in`,
  'desktop-created': (_, { desktop }) => `created ${desktop}`,
  'desktop-acquired': ({ epoch }, { desktop }) => `acquired ${desktop}, epoch ${epoch ?? '?'}`,
  'desktop-released': ({ epoch }, { desktop }) => `gave ${desktop} up, epoch ${epoch ?? '?'}`,
  'desktop-taken-over': ({ epoch }, { desktop, subject }) => `took ${desktop} over from ${subject}, epoch ${epoch ?? '?'}`,
  'offline-policy-saved': (_, { desktop }) => `said whether ${desktop} goes on without a link`,
  'checkpoint-committed': ({ epoch, sequence }, { desktop }) => `committed checkpoint ${sequence ?? '?'} of ${desktop}, epoch ${epoch ?? '?'}`,
  'desktop-forked': (_, { desktop, subject }) => `forked ${subject} as ${desktop}`,
  'policy-saved': (_, { desktop }) => `said which checkpoints of ${desktop} are kept`,
  'desktop-renamed': (_, { desktop }) => `renamed ${desktop}`,
  'checkpoints-dropped': (_, { desktop }) => `dropped checkpoints of ${desktop}`,
  'objects-deleted': (_, { desktop }) => `deleted objects of ${desktop} that nothing needs`,
  'desktop-key-added': (_, { desktop }) => `kept a new key of ${desktop}, sealed`,
  'desktop-key-wrapped-again': (_, { desktop }) => `sealed a key of ${desktop} anew`,
  'host-barred': (_, { subject }) => `barred ${subject}, as an operator wanted`,
  'host-admitted': (_, { subject }) => `let ${subject} in again, as an operator wanted`,
};

/** Who did it: a host, or the coordinator by itself. */
export function actorText({ hostId }: AuditLeaf, nameOf: NameOf): string {
  return hostId === null ? 'the coordinator' : nameOf(hostId);
}

/** What was done, to be read after {@link actorText}. A kind that is newer than this page is named as it is. */
export function actText(leaf: AuditLeaf, nameOf: NameOf): string {
  const at = { desktop: leaf.desktopId === null ? 'a desktop' : nameOf(leaf.desktopId), subject: leaf.subject === null ? 'somebody' : nameOf(leaf.subject) };
  return isLeafKind(leaf.kind) ? sentences[leaf.kind](leaf, at) : `${leaf.kind.replaceAll('-', ' ')}: ${at.desktop}`;
}

function isLeafKind(kind: string): kind is LeafKind {
  return (leafKinds as readonly string[]).includes(kind);
}

/** The first digits of an id, for whom no name is known. */
export function shortId(id: string): string {
  return id.slice(0, 8);
}

/** `since`: when the last visit was, as the page writes times. */
export function verdictText(verdict: LogVerdict, since: (timeMs: number) => string): string {
  switch (verdict.state) {
    case 'first':
      return `This browser has not seen this log before. It trusts the key that it was given now, keeps it, and from the next visit on checks that the log of ${counted(verdict.head.size)} has only grown.`;
    case 'grown': {
      const more = verdict.head.size - verdict.since.size;
      const growth = more === 0 ? 'nothing was added' : `${counted(more)} ${more === 1 ? 'was' : 'were'} added and none changed`;
      return `Proven in this browser: since the last visit ${since(verdict.since.atMs)} ${growth}. The log has ${counted(verdict.head.size)}.`;
    }
    case 'refused':
      return `Refused: ${verdict.text}. Nothing below counts. Keep both heads as evidence and find out who changed the coordinator's database or answers in its place.`;
  }
}

function counted(entries: number): string {
  return entries === 1 ? '1 entry' : `${entries} entries`;
}

export const proofStates: Readonly<Record<'proven' | 'refused', Wording>> = {
  proven: { word: 'proven here', tone: 'good', meaning: 'This browser has computed that the signed log has this entry in this place' },
  refused: { word: 'not proven', tone: 'bad', meaning: 'The signed log does not have this entry in this place' },
};
