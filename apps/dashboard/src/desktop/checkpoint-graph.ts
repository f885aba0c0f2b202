import type { CheckpointNode, DesktopDetail } from '@godwit/wire/operators';
import { bytesText, durationText } from '../words/figures.ts';
import { layLanes, type GraphNode, type Layout } from '../graph/lanes.ts';

/** A desktop's past as a graph: its checkpoints, the desktops that were forked from them, and what it was itself forked from. */
export type PastNode = GraphNode &
  (
    | { readonly kind: 'checkpoint'; readonly checkpoint: CheckpointNode; readonly head: boolean }
    | { readonly kind: 'fork'; readonly desktopId: string; readonly name: string; readonly sequence: number }
    | { readonly kind: 'origin'; readonly desktopId: string; readonly name: string | null; readonly sequence: number }
  );

type Past = Pick<DesktopDetail, 'checkpoints' | 'forks' | 'forkedFrom'>;

/** Newest first, at most `limit` checkpoints; a fork stands right above what it was made from. */
export function pastLayout({ checkpoints, forks, forkedFrom }: Past, limit: number): Layout<PastNode> {
  const newestFirst = checkpoints.toSorted((a, b) => b.sequence - a.sequence);
  const head = newestFirst.find(({ dropped }) => !dropped);
  const shown = newestFirst.slice(0, limit);
  const nodes = shown.flatMap((checkpoint): PastNode[] => [
    ...forks.filter(({ sequence }) => sequence === checkpoint.sequence).map(({ desktopId, name, sequence }): PastNode => ({ kind: 'fork', id: `fork ${desktopId}`, parent: checkpoint.digest, desktopId, name, sequence })),
    { kind: 'checkpoint', id: checkpoint.digest, parent: parentOf(checkpoint, forkedFrom), checkpoint, head: checkpoint === head },
  ]);
  if (forkedFrom !== null && shown.some(isFirst)) nodes.push({ kind: 'origin', id: originId, parent: null, ...forkedFrom });
  return layLanes(nodes, shown[0]?.digest ?? null);
}

const originId = 'origin';
const isFirst = ({ sequence }: CheckpointNode): boolean => sequence === 1;

/** The first checkpoint of a fork has the checkpoint that was forked as its parent, of another desktop and maybe gone. */
function parentOf(checkpoint: CheckpointNode, forkedFrom: Past['forkedFrom']): string | null {
  return forkedFrom !== null && isFirst(checkpoint) ? originId : checkpoint.parent;
}

/** What is spoken of a node, and stands beside it: its number, time, size, pause and host. `time`: as the page writes times. */
export function nodeText(node: PastNode, time: (timeMs: number) => string): string {
  switch (node.kind) {
    case 'fork':
      return `${node.name} was forked from checkpoint ${node.sequence}`;
    case 'origin':
      return `forked from checkpoint ${node.sequence} of ${node.name ?? 'a desktop that is gone'}`;
    case 'checkpoint':
      return `${nodeTitle(node.checkpoint, node.head)}, ${nodeFacts(node.checkpoint, time).join(', ')}`;
  }
}

export function nodeTitle({ sequence, dropped }: CheckpointNode, head: boolean): string {
  return `Checkpoint ${sequence}${head ? ', the head' : ''}${dropped ? ', dropped' : ''}`;
}

/** Its time, size, pause and host. */
export function nodeFacts({ acknowledgedMs, bytes, addedBytes, pauseMs, hostName, epoch }: CheckpointNode, time: (timeMs: number) => string): string[] {
  return [
    time(acknowledgedMs),
    `${bytesText(bytes)}, ${bytesText(addedBytes)} of it new`,
    pauseMs === null ? 'pause not told' : `pause ${durationText(pauseMs)}`,
    `by ${hostName} in epoch ${epoch}`,
  ];
}
