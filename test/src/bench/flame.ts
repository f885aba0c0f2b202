/** A sampling profile of V8 (`--cpu-prof`, inspector), as far as a flame graph needs it. */
export interface CpuProfile {
  readonly nodes: readonly { readonly id: number; readonly callFrame: { readonly functionName: string; readonly url: string }; readonly children?: readonly number[] }[];
  readonly samples: readonly number[];
  /** Microseconds between a sample and the one before. */
  readonly timeDeltas: readonly number[];
}

/** One function below its callers, with what it and all below it took. */
export interface Flame {
  readonly name: string;
  readonly totalUs: number;
  readonly selfUs: number;
  readonly children: readonly Flame[];
}

export interface FlameRow {
  readonly title: string;
  readonly flame: Flame;
}

/** `take` is a capture thread that waits for a slot (libs/snapshot/src/frame-slots.ts): the pace of the pack threads, not its own work. */
const idle = new Set(['(idle)', '(program)', 'take']);

/** Frames of the same name below the same callers are one. Time in which the thread had nothing to do is left out. */
export function flameOf({ nodes, samples, timeDeltas }: CpuProfile): Flame {
  const selfUs = new Map<number, number>();
  for (const [index, id] of samples.entries()) selfUs.set(id, (selfUs.get(id) ?? 0) + (timeDeltas[index] ?? 0));
  const byId = new Map(nodes.map((node) => [node.id, node]));
  const nameOf = (id: number): string => byId.get(id)!.callFrame.functionName || '(anonymous)';
  const merge = (name: string, ids: readonly number[]): Flame => {
    const groups = new Map<string, number[]>();
    for (const child of ids.flatMap((id) => byId.get(id)?.children ?? [])) {
      if (!idle.has(nameOf(child))) groups.set(nameOf(child), [...(groups.get(nameOf(child)) ?? []), child]);
    }
    const children = [...groups].map(([childName, childIds]) => merge(childName, childIds)).filter(({ totalUs }) => totalUs > 0).sort((a, b) => b.totalUs - a.totalUs);
    const own = name === '(root)' ? 0 : ids.reduce((sum, id) => sum + (selfUs.get(id) ?? 0), 0);
    return { name, selfUs: own, totalUs: own + children.reduce((sum, child) => sum + child.totalUs, 0), children };
  };
  const root = nodes[0];
  return root === undefined ? { name: '(root)', selfUs: 0, totalUs: 0, children: [] } : merge('(root)', [root.id]);
}

/** The functions that took most by themselves, wherever they were called from. */
export function topsOf(flame: Flame, count: number): { readonly name: string; readonly selfUs: number }[] {
  const totals = new Map<string, number>();
  const add = ({ name, selfUs, children }: Flame): void => {
    totals.set(name, (totals.get(name) ?? 0) + selfUs);
    for (const child of children) add(child);
  };
  add(flame);
  return [...totals].map(([name, selfUs]) => ({ name, selfUs })).sort((a, b) => b.selfUs - a.selfUs).slice(0, count);
}

const widthPx = 1200;
const rowPx = 16;
const textPx = 6.6;
/** Narrower than this is not drawn: nobody could see it. */
const leastPx = 2;

/** One graph per row, widths to one scale: a thread that worked longer is wider. Callers above, what they call below. */
export function flameSvg(rows: readonly FlameRow[]): string {
  const longestUs = Math.max(1, ...rows.map(({ flame }) => flame.totalUs));
  const shapes: string[] = [];
  let top = 4;
  for (const { title, flame } of rows) {
    shapes.push(`<text x="4" y="${top + 13}" font-weight="bold">${escaped(`${title}: ${(flame.totalUs / 1000).toFixed(0)} ms`)}</text>`);
    top += rowPx + 4;
    let deepest = 0;
    const draw = ({ name, totalUs, children }: Flame, leftUs: number, depth: number): void => {
      const [left, width] = [(leftUs / longestUs) * widthPx, (totalUs / longestUs) * widthPx];
      if (width < leastPx) return;
      deepest = Math.max(deepest, depth);
      shapes.push(block(name, totalUs, { left, top: top + depth * rowPx, width }));
      let childUs = leftUs;
      for (const child of children) {
        draw(child, childUs, depth + 1);
        childUs += child.totalUs;
      }
    };
    let leftUs = 0;
    for (const child of flame.children) {
      draw(child, leftUs, 0);
      leftUs += child.totalUs;
    }
    top += (deepest + 1) * rowPx + 12;
  }
  return `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${widthPx} ${top}" font-family="monospace" font-size="11">\n<rect width="100%" height="100%" fill="#fff"/>\n${shapes.join('\n')}\n</svg>\n`;
}

function block(name: string, totalUs: number, { left, top, width }: { left: number; top: number; width: number }): string {
  const letters = Math.floor((width - 4) / textPx);
  const text = letters < 3 ? '' : `<text x="${(left + 2).toFixed(1)}" y="${top + 12}">${escaped(name.slice(0, letters))}</text>`;
  // The colour follows from the name, so that the same function looks the same in every graph.
  const hue = 20 + (Buffer.from(name).reduce((sum, byte) => (sum * 31 + byte) % 997, 7) % 40);
  return `<rect x="${left.toFixed(1)}" y="${top}" width="${width.toFixed(1)}" height="${rowPx - 1}" fill="hsl(${hue},85%,65%)"><title>${escaped(name)} ${(totalUs / 1000).toFixed(1)} ms</title></rect>${text}`;
}

function escaped(text: string): string {
  return text.replaceAll('&', '&amp;').replaceAll('<', '&lt;').replaceAll('>', '&gt;');
}
