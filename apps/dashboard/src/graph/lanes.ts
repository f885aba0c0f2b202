/**
 * Where the nodes of a graph are drawn when each has one parent at most: a row of its own for each, newest first, and a lane. A line
 * goes down in the lane of the upper node to the row of the lower one, then across to it; so no line crosses a node.
 */
export interface GraphNode {
  readonly id: string;
  /** Null: it has none. An id that is not among the nodes: the line goes on below the last row. */
  readonly parent: string | null;
}

export interface Placed<Node> {
  readonly node: Node;
  /** Both from 0; lane 0 is the leftmost. */
  readonly row: number;
  readonly lane: number;
}

/** From the upper node to the lower one; `lower` null: to what is not shown any more. */
export interface Edge {
  readonly upper: { readonly row: number; readonly lane: number };
  readonly lower: { readonly row: number; readonly lane: number } | null;
}

export interface Layout<Node> {
  readonly placed: readonly Placed<Node>[];
  readonly edges: readonly Edge[];
  readonly lanes: number;
}

/** `nodes`: each before its parent. `trunk`: the id whose line is lane 0, if it is among them. */
export function layLanes<Node extends GraphNode>(nodes: readonly Node[], trunk: string | null): Layout<Node> {
  /** By lane: the node whose line it leads down to. */
  const awaited: (string | null)[] = [trunk];
  const placed = nodes.map((node, row): Placed<Node> => {
    const lane = awaited.includes(node.id) ? awaited.indexOf(node.id) : freeLane(awaited);
    for (const [index, id] of awaited.entries()) if (id === node.id) awaited[index] = null;
    awaited[lane] = node.parent;
    return { node, row, lane };
  });
  const byId = new Map(placed.map((each) => [each.node.id, each]));
  const edges = placed.flatMap(({ node, row, lane }): Edge[] => {
    if (node.parent === null) return [];
    const lower = byId.get(node.parent);
    return [{ upper: { row, lane }, lower: lower === undefined ? null : { row: lower.row, lane: lower.lane } }];
  });
  return { placed, edges, lanes: Math.max(1, ...placed.map(({ lane }) => lane + 1)) };
}

function freeLane(awaited: (string | null)[]): number {
  const free = awaited.indexOf(null);
  if (free >= 0) return free;
  return awaited.push(null) - 1;
}
