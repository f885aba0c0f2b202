import type { DesktopId } from '@godwit/base';
import type { AuditLeaf, ChainState } from '@godwit/crypto';

export interface PlacedLeaf {
  readonly index: number;
  readonly leaf: AuditLeaf;
}

/** What this host knows beside the log. */
export interface Knowledge {
  readonly chain: ChainState;
  /** Digests of the checkpoints of each desktop by sequence, as their history says: hexadecimal. */
  readonly histories: ReadonlyMap<DesktopId, ReadonlyMap<number, string>>;
  /** Leaves that this host had proven before. */
  readonly receipts: readonly PlacedLeaf[];
}

interface Line {
  epoch: number;
  holder: string | null;
  held: boolean;
  sequence: number;
  readonly digests: Map<number, string>;
}

/**
 * Goes through an account's leaves as the coordinator's rules would have made them and says in words what does not fit: with the rules
 * (an epoch granted twice, a commit of somebody who held nothing), with the device chain, with histories and receipts. Pure.
 */
export function replay(leaves: readonly PlacedLeaf[], { chain, histories, receipts }: Knowledge): string[] {
  const findings: string[] = [];
  const lines = new Map<DesktopId, Line>();
  const entries = new Map<number, string>();
  for (const { index, leaf } of leaves) {
    if (leaf.accountId !== chain.accountId) findings.push(`leaf ${index} is of another account`);
    if (isEnrolment(leaf) && leaf.sequence !== null) {
      if (entries.has(leaf.sequence)) findings.push(`leaf ${index} says entry ${leaf.sequence} of the device chain a second time`);
      entries.set(leaf.sequence, leaf.digest?.toString('hex') ?? '');
    }
    if (leaf.desktopId !== null) findings.push(...step(lines, leaf.desktopId, leaf).map((what) => `leaf ${index}: ${what}`));
  }
  for (const [position, hash] of chain.hashes.entries()) {
    const found = entries.get(position);
    if (found !== hash.toString('hex')) findings.push(`entry ${position} of the device chain ${found === undefined ? 'is not in the log' : 'is another one in the log'}`);
  }
  for (const [desktopId, checkpoints] of histories) {
    for (const [sequence, digest] of checkpoints) {
      const found = lines.get(desktopId)?.digests.get(sequence);
      if (found !== digest) findings.push(`checkpoint ${sequence} of desktop ${desktopId.slice(0, 8)} ${found === undefined ? 'is not in the log' : 'is another one in the log'}`);
    }
  }
  const byIndex = new Map(leaves.map(({ index, leaf }) => [index, leaf]));
  for (const { index, leaf } of receipts) {
    const found = byIndex.get(index);
    if (found?.kind !== leaf.kind || found.digest?.toString('hex') !== leaf.digest?.toString('hex')) findings.push(`leaf ${index}, of which this host has a receipt, is ${found === undefined ? 'not shown' : 'another one now'}`);
  }
  return findings;
}

function isEnrolment({ kind }: AuditLeaf): boolean {
  return kind === 'account-created' || kind === 'host-added' || kind === 'host-revoked';
}

/** One event of a desktop, by the table of docs/protocol.md. Kinds that change no lease are not judged. */
function step(lines: Map<DesktopId, Line>, desktopId: DesktopId, leaf: AuditLeaf): string[] {
  const { kind, hostId, epoch, sequence, digest } = leaf;
  const line = lines.get(desktopId);
  if (kind === 'desktop-created') {
    lines.set(desktopId, { epoch: 1, holder: hostId, held: true, sequence: 0, digests: new Map() });
    return line === undefined ? [] : ['a desktop is created twice'];
  }
  if (!leaseKinds.has(kind)) return [];
  if (line === undefined) return [`${kind} of a desktop that was not created`];
  const findings: string[] = [];
  if (kind === 'desktop-acquired') {
    if (epoch !== line.epoch + 1) findings.push(`epoch ${epoch} is granted after epoch ${line.epoch}`);
    if (line.held) findings.push(`epoch ${epoch} is granted while ${line.holder?.slice(0, 8) ?? 'somebody'} holds epoch ${line.epoch}`);
    Object.assign(line, { epoch: epoch ?? line.epoch, holder: hostId, held: true });
  } else if (kind === 'desktop-taken-over') {
    if (epoch !== line.epoch + 1) findings.push(`epoch ${epoch} is granted after epoch ${line.epoch}`);
    if (!line.held) findings.push(`epoch ${line.epoch} is taken over, which nobody holds`);
    else if (hostId === line.holder) findings.push(`epoch ${line.epoch} is taken over by its own holder`);
    else if (leaf.subject !== line.holder) findings.push(`epoch ${line.epoch} is taken over from ${leaf.subject?.slice(0, 8) ?? 'nobody'}, which does not hold it`);
    Object.assign(line, { epoch: epoch ?? line.epoch, holder: hostId, held: true });
  } else if (kind === 'desktop-released') {
    if (epoch !== line.epoch || !line.held) findings.push(`epoch ${epoch} is released, which nobody holds`);
    line.held = false;
  } else {
    if (kind === 'checkpoint-committed' && (!line.held || epoch !== line.epoch || hostId !== line.holder)) findings.push(`checkpoint ${sequence} is committed in epoch ${epoch} by a host that does not hold it`);
    if (sequence !== line.sequence + 1) findings.push(`checkpoint ${sequence} is committed after ${line.sequence}`);
    line.sequence = sequence ?? line.sequence;
    line.digests.set(line.sequence, digest?.toString('hex') ?? '');
    if (kind === 'desktop-forked') line.held = false;
  }
  return findings;
}

const leaseKinds: ReadonlySet<string> = new Set(['desktop-acquired', 'desktop-taken-over', 'desktop-released', 'checkpoint-committed', 'desktop-forked']);
