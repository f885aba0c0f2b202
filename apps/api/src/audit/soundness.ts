import { sql } from 'kysely';
import { Fault } from '@godwit/base';
import { appendToPeaks, decodeLeaf, leafHash, rootFromPeaks, type SignedTreeHead } from '@godwit/crypto';
import { reached, type Queries } from '../database/database.ts';
import { numberOf } from './append-leaf.ts';
import { LogReader } from './log-reader.ts';

/** Read at once; a power of two, so that each page is one subtree and what it completes. */
const leavesPerPage = 4096;

/**
 * Makes the whole tree again from the leaves and compares every stored hash, every column that leaves are found by, and the log's
 * row. Throws LOG_UNSOUND, naming the first leaf or node that is not as it was written. About 2.5 s per 100,000 leaves.
 */
export async function requireSound(db: Queries): Promise<void> {
  const reader = new LogReader(db);
  const { size, root } = await reader.newest();
  let peaks: Buffer[] = [];
  let nodesCount = 0;
  for (let from = 0; from < size; from += leavesPerPage) {
    const hashes = await leafHashesOf(db, from, Math.min(size, from + leavesPerPage));
    const { nodes, peaks: after } = appendToPeaks(from, peaks, hashes);
    const stored = await reader.nodes(nodes);
    const wrong = nodes.find(({ hash }, at) => !stored[at]!.equals(hash));
    if (wrong !== undefined) throw new Fault('LOG_UNSOUND', { subject: `node ${wrong.level}/${wrong.position}`, expected: 'the hash of what is below it', found: 'another' });
    [peaks, nodesCount] = [after, nodesCount + nodes.length];
  }
  if (!rootFromPeaks(peaks).equals(root)) throw new Fault('LOG_UNSOUND', { expected: `the root of ${size} leaves`, found: 'another' });
  const counted = await reached(() => sql<{ leaves: number; nodes: number }>`select (select count(*) from audit_leaves) as leaves, (select count(*) from audit_nodes) as nodes`.execute(db));
  const { leaves, nodes } = counted.rows[0]!;
  if (leaves !== size || nodes !== nodesCount) throw new Fault('LOG_UNSOUND', { expected: `${size} leaves and ${nodesCount} nodes`, found: `${leaves} and ${nodes}` });
}

/** Throws LOG_REWOUND unless the log contains the tree of a head that it signed. */
export async function requireContains(db: Queries, head: SignedTreeHead): Promise<void> {
  const reader = new LogReader(db);
  const { size } = await reader.newest();
  if (size < head.size) throw new Fault('LOG_REWOUND', { expected: `${head.size} leaves, as signed at ${new Date(head.timeMs).toISOString()}`, found: `${size}` });
  if (!(await reader.rootAt(head.size)).equals(head.root)) throw new Fault('LOG_REWOUND', { expected: `the root of ${head.size} leaves, as signed at ${new Date(head.timeMs).toISOString()}`, found: 'another' });
}

async function leafHashesOf(db: Queries, from: number, end: number): Promise<Buffer[]> {
  const rows = await reached(() => db.selectFrom('audit_leaves').selectAll().where('leaf_index', '>=', from).where('leaf_index', '<', end).orderBy('leaf_index').execute());
  if (rows.length !== end - from) throw new Fault('LOG_UNSOUND', { expected: `${end - from} leaves from ${from}`, found: `${rows.length}` });
  return rows.map((row, at) => {
    if (row.leaf_index !== from + at || !isIndexed(row)) throw new Fault('LOG_UNSOUND', { subject: `leaf ${from + at}`, expected: 'columns that say what its bytes say' });
    return leafHash(row.bytes);
  });
}

function isIndexed(row: { bytes: Buffer; account_id: string; kind: string; desktop_id: string | null; number: number | null }): boolean {
  try {
    const leaf = decodeLeaf(row.bytes);
    return leaf.accountId === row.account_id && leaf.kind === row.kind && leaf.desktopId === row.desktop_id && numberOf(leaf) === row.number;
  } catch {
    return false; // Bytes that are no leaf were not written as one.
  }
}
