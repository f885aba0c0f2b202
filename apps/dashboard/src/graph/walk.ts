import type { GraphNode, Placed } from './lanes.ts';

/**
 * The node that a key leads to, by its id: up and down by row, Home and End to the first and last, left to the parent, right to the
 * nearest child. Null: the key is none of these, or there is nothing in that direction.
 */
export function walk(placed: readonly Placed<GraphNode>[], at: string, key: string): string | null {
  const row = placed.findIndex(({ node }) => node.id === at);
  const here = placed[row];
  if (here === undefined) return null;
  switch (key) {
    case 'ArrowUp':
      return placed[row - 1]?.node.id ?? null;
    case 'ArrowDown':
      return placed[row + 1]?.node.id ?? null;
    case 'Home':
      return placed[0]?.node.id ?? null;
    case 'End':
      return placed.at(-1)?.node.id ?? null;
    case 'ArrowLeft':
      return placed.find(({ node }) => node.id === here.node.parent)?.node.id ?? null;
    case 'ArrowRight':
      return nearest(placed.filter(({ node }) => node.parent === at), row)?.node.id ?? null;
    default:
      return null;
  }
}

function nearest(placed: readonly Placed<GraphNode>[], row: number): Placed<GraphNode> | undefined {
  return placed.toSorted((a, b) => Math.abs(a.row - row) - Math.abs(b.row - row))[0];
}
