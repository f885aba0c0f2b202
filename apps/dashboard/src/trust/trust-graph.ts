import type { OperatorHost, Trust } from '@godwit/wire/operators';
import type { GraphNode, Layout } from '../graph/lanes.ts';
import { layTree } from '../graph/tree.ts';

/** Who let whom into an account: the recovery key, then devices, each under the one that signed its entry. */
export interface TrustNode extends GraphNode {
  readonly name: string;
  /** Null: the recovery key, which is no device. */
  readonly device: {
    readonly hostId: string;
    readonly joinedMs: number;
    readonly revoked: { readonly by: string; readonly timeMs: number } | null;
    /** Null: the coordinator has told nothing else of it. */
    readonly host: OperatorHost | null;
  } | null;
}

const recoveryId = 'recovery';
export const recoveryName = 'the recovery key';

export function trustLayout({ entries, hosts }: Trust): Layout<TrustNode> {
  const inOrder = entries.toSorted((a, b) => a.position - b.position);
  const revocations = new Map(inOrder.filter(({ kind }) => kind === 'revoke').map(({ device, by, timeMs }) => [device.hostId as string, { by: by?.name ?? recoveryName, timeMs }]));
  const devices = inOrder.filter(({ kind }) => kind !== 'revoke').map(({ device: { hostId, name }, by, timeMs }): TrustNode => ({
    id: hostId,
    parent: by?.hostId ?? recoveryId,
    name,
    device: { hostId, joinedMs: timeMs, revoked: revocations.get(hostId) ?? null, host: hosts.find((host) => host.hostId === hostId) ?? null },
  }));
  return layTree<TrustNode>([{ id: recoveryId, parent: null, name: recoveryName, device: null }, ...devices]);
}

/** What is spoken of a node, and stands in the list. `time`: as the page writes times; `nameOf`: of the parent. */
export function trustText({ name, device }: TrustNode, letInBy: string, time: (timeMs: number) => string): string {
  if (device === null) return 'The recovery key: 24 words that its person keeps on paper';
  const { joinedMs, revoked, host } = device;
  const facts = [`let in by ${letInBy} at ${time(joinedMs)}`];
  if (revoked !== null) facts.push(`revoked by ${revoked.by} at ${time(revoked.timeMs)}`);
  if (host?.state === 'barred') facts.push('barred by an operator');
  if (revoked === null && host !== null) facts.push(contactText(host, time));
  return `${name}: ${facts.join(', ')}`;
}

function contactText({ inReach, lastContactMs }: OperatorHost, time: (timeMs: number) => string): string {
  if (inReach) return 'in reach';
  return lastContactMs === null ? 'never heard of' : `last heard of at ${time(lastContactMs)}`;
}
