import { deepEqual } from 'node:assert/strict';
import { test } from 'node:test';
import type { Trust } from '@godwit/wire/operators';
import { trustLayout, trustText } from './trust-graph.ts';

const device = (name: string): { hostId: string; name: string } => ({ hostId: `id of ${name}`, name });
const entry = (position: number, kind: string, by: string | null, whom: string): unknown => ({ position, kind, by: by === null ? null : device(by), device: device(whom), timeMs: position });
const trust = {
  accountId: 'a',
  entries: [entry(3, 'revoke', 'a', 'b'), entry(0, 'genesis', null, 'a'), entry(1, 'add', 'a', 'b'), entry(2, 'add', 'b', 'c'), entry(4, 'add', null, 'd'), entry(5, 'revoke', null, 'd')],
  hosts: [{ hostId: 'id of a', state: 'current', inReach: true }, { hostId: 'id of c', state: 'barred', inReach: false, lastContactMs: 9 }],
} as unknown as Trust;

test('the trust picture has each device under who let it in, the revoked ones too', () => {
  const { placed } = trustLayout(trust);
  const names = new Map(placed.map(({ node }) => [node.id, node.name]));
  deepEqual(placed.map(({ node, lane }) => `${'  '.repeat(lane)}${trustText(node, node.parent === null ? 'nobody' : names.get(node.parent)!, (timeMs) => `${timeMs}`)}`), [
    'The recovery key: 24 words that its person keeps on paper',
    '  a: let in by the recovery key at 0, in reach',
    '    b: let in by a at 1, revoked by a at 3',
    '      c: let in by b at 2, barred by an operator, last heard of at 9',
    '  d: let in by the recovery key at 4, revoked by the recovery key at 5',
  ]);
});
