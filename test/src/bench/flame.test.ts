import assert from 'node:assert/strict';
import { test } from 'node:test';
import { flameOf, flameSvg, topsOf, type CpuProfile } from './flame.ts';

const node = (id: number, functionName: string, children: number[] = []): CpuProfile['nodes'][number] => ({ id, callFrame: { functionName, url: '' }, children });
/** main calls a twice (two nodes) and b; a calls b. */
const profile: CpuProfile = {
  nodes: [node(1, '(root)', [2, 7]), node(2, 'main', [3, 4, 5]), node(3, 'a', [6]), node(4, 'a'), node(5, 'b<1>'), node(6, 'b<1>'), node(7, '(idle)')],
  samples: [2, 3, 4, 5, 6, 7],
  timeDeltas: [100, 200, 300, 400, 500, 9000],
};

test('a flame adds up what is the same, and leaves idling out', () => {
  const flame = flameOf(profile);
  assert.equal(flame.totalUs, 1500);
  const main = flame.children[0]!;
  assert.deepEqual([main.name, main.selfUs, main.totalUs], ['main', 100, 1500]);
  assert.deepEqual(main.children.map(({ name, selfUs, totalUs }) => [name, selfUs, totalUs]), [['a', 500, 1000], ['b<1>', 400, 400]]);
  assert.deepEqual(topsOf(flame, 2), [{ name: 'b<1>', selfUs: 900 }, { name: 'a', selfUs: 500 }]);
});

test('its picture has a block for each, as wide as it took long, and no mark of its own in a name', () => {
  const svg = flameSvg([{ title: 'one & only', flame: flameOf(profile) }]);
  assert.match(svg, /one &amp; only: 2 ms/);
  assert.match(svg, /width="1200\.0"[^>]*><title>main 1\.5 ms/);
  assert.match(svg, /width="800\.0"[^>]*><title>a 1\.0 ms/);
  assert.match(svg, /b&lt;1&gt; 0\.4 ms/);
  assert.equal(svg.includes('(idle)'), false);
  assert.match(flameSvg([{ title: 'nothing', flame: flameOf({ nodes: [], samples: [], timeDeltas: [] }) }]), /nothing: 0 ms/);
});
