import type { Edge, GraphNode, Layout, Placed } from './lanes.ts';

/** A tree from its roots down: each node under its parent, one lane further to the right, its siblings in the order given. */
export function layTree<Node extends GraphNode>(nodes: readonly Node[]): Layout<Node> {
  const ids = new Set(nodes.map(({ id }) => id));
  const children = new Map<string | null, Node[]>();
  for (const node of nodes) {
    const parent = node.parent !== null && ids.has(node.parent) ? node.parent : null;
    children.set(parent, [...(children.get(parent) ?? []), node]);
  }
  const placed: Placed<Node>[] = [];
  const edges: Edge[] = [];
  // A list of its own instead of recursion: a chain of 4096 devices, each let in by the one before, is as deep.
  const open = (children.get(null) ?? []).map((node): { node: Node; lane: number; above: Edge['upper'] | null } => ({ node, lane: 0, above: null })).reverse();
  for (let next = open.pop(); next !== undefined; next = open.pop()) {
    const { node, lane, above } = next;
    const place = { row: placed.length, lane };
    placed.push({ node, ...place });
    if (above !== null) edges.push({ upper: above, lower: place });
    for (const child of (children.get(node.id) ?? []).toReversed()) open.push({ node: child, lane: lane + 1, above: place });
  }
  return { placed, edges, lanes: Math.max(1, ...placed.map((each) => each.lane + 1)) };
}
