import { deepEqual, equal, ok } from 'node:assert/strict';
import { describe, test } from 'node:test';
import fc from 'fast-check';
import { pathOf } from './draw.ts';
import { layLanes, type GraphNode, type Layout } from './lanes.ts';
import { layTree } from './tree.ts';
import { walk } from './walk.ts';

const node = (id: string, parent: string | null): GraphNode => ({ id, parent });
const places = ({ placed }: Layout<GraphNode>): string => placed.map(({ node: { id }, row, lane }) => `${id}:${row}/${lane}`).join(' ');

/** Any forest, each node before its parent: the parent of node n is one with a larger number, none, or one that is not among them. */
const forest = fc.array(fc.option(fc.nat(12), { nil: null }), { maxLength: 40 }).map((steps) => steps.map((step, at) => node(`${at}`, step === null ? null : `${at + 1 + step}`)));

describe('lanes', () => {
  test('a line of checkpoints is one lane', () => {
    const layout = layLanes([node('c', 'b'), node('b', 'a'), node('a', null)], 'c');
    equal(places(layout), 'c:0/0 b:1/0 a:2/0');
    equal(layout.lanes, 1);
    deepEqual(layout.edges.map(({ lower }) => lower?.row), [1, 2]);
  });

  test('what was forked stands beside the trunk, whatever comes first, and its lane is free again below', () => {
    const layout = layLanes([node('f', 'c'), node('c', 'b'), node('g', 'b'), node('h', 'b'), node('b', 'a'), node('i', 'a'), node('a', null)], 'c');
    equal(places(layout), 'f:0/1 c:1/0 g:2/1 h:3/2 b:4/0 i:5/1 a:6/0');
    equal(layout.lanes, 3);
  });

  test('a parent that is not shown is a line to the lower edge', () => {
    const { edges } = layLanes([node('b', 'gone')], 'b');
    deepEqual(edges, [{ upper: { row: 0, lane: 0 }, lower: null }]);
    equal(pathOf(edges[0]!, 3), 'M11 16V96');
  });

  test('an empty graph has nothing and one lane', () => deepEqual(layLanes([], null), { placed: [], edges: [], lanes: 1 }));

  test('no two nodes in one place, and no line through a node, whatever the graph is', () => {
    fc.assert(
      fc.property(forest, (nodes) => {
        const { placed, edges, lanes } = layLanes(nodes, nodes[0]?.id ?? null);
        equal(placed.length, nodes.length);
        ok(placed.every(({ row, lane }, at) => row === at && lane >= 0 && lane < lanes));
        for (const { upper, lower } of edges) {
          const end = lower?.row ?? placed.length;
          ok(end > upper.row);
          ok(!placed.some(({ row, lane }) => lane === upper.lane && row > upper.row && row < end), 'a node stands on a line');
        }
      }),
    );
  });
});

describe('a tree', () => {
  test('has each node under its parent, deeper ones to the right', () => {
    const layout = layTree([node('r', null), node('a', 'r'), node('b', 'a'), node('c', 'r'), node('d', 'a')]);
    equal(places(layout), 'r:0/0 a:1/1 b:2/2 d:3/2 c:4/1');
    deepEqual(layout.edges.map(({ upper, lower }) => [upper.row, lower?.row]), [[0, 1], [1, 2], [1, 3], [0, 4]]);
    equal(pathOf(layout.edges[0]!, 5), 'M11 16V37Q11 48 22 48H33');
  });

  test('takes a chain of 4096 and a parent that is missing', () => {
    const chain = Array.from({ length: 4096 }, (_, at) => node(`${at}`, at === 0 ? 'nobody' : `${at - 1}`));
    equal(layTree(chain).lanes, 4096);
  });
});

describe('walking with the keyboard', () => {
  const { placed } = layTree([node('r', null), node('a', 'r'), node('b', 'a'), node('c', 'r')]);
  const way = (from: string, keys: string): string => keys.split(' ').map((key) => walk(placed, from, key) ?? '-').join(' ');

  test('goes by row, to the ends, to the parent and to the first child', () => {
    equal(way('a', 'ArrowUp ArrowDown Home End ArrowLeft ArrowRight'), 'r b r c r b');
    equal(way('r', 'ArrowUp ArrowLeft ArrowRight'), '- - a');
    equal(way('c', 'ArrowDown ArrowRight Enter'), '- - -');
    equal(walk(placed, 'x', 'Home'), null);
  });

  test('reaches every node from every other', () => {
    fc.assert(
      fc.property(forest, (nodes) => {
        const { placed: all } = layLanes(nodes, null);
        const reached: string[] = [];
        for (let at: string | null = all[0]?.node.id ?? null; at !== null; at = walk(all, at, 'ArrowDown')) reached.push(at);
        deepEqual(reached, all.map(({ node: { id } }) => id));
      }),
    );
  });
});
