import { useId, useRef, useState, type KeyboardEvent, type ReactNode } from 'react';
import './node-graph.css';
import { lanePx, pathOf, radiusPx, rowPx, xOf, yOf } from './draw.ts';
import type { GraphNode, Layout } from './lanes.ts';
import { walk } from './walk.ts';

/** How one node looks and what is said of it. */
export interface NodeLook {
  readonly title: string;
  /** Stands beside the title where there is room; the list has it in any case. */
  readonly facts: string;
  /** All of it in one go, for a screen reader. */
  readonly spoken: string;
  readonly tone: 'plain' | 'main' | 'gone' | 'bad' | 'away';
}

interface NodeGraphProps<Node extends GraphNode> {
  readonly name: string;
  readonly layout: Layout<Node>;
  readonly look: (node: Node) => NodeLook;
  /** What the list beside the picture has for a node, with its links. */
  readonly item: (node: Node) => ReactNode;
}

/** A graph as a picture that is a list: one stop of the Tab key, arrow keys from node to node. The same as text stands below it. */
export function NodeGraph<Node extends GraphNode>({ name, layout, look, item }: NodeGraphProps<Node>) {
  const { placed } = layout;
  const helpId = useId();
  return (
    <div className="graph">
      <p className="unseen" id={helpId}>
        Arrow keys go from one to the next; left goes to the parent, right to the nearest child.
      </p>
      <div className="graph-frame">
        <Picture name={name} layout={layout} look={look} helpId={helpId} />
      </div>
      <details className="twin">
        <summary>{name} as a list</summary>
        <ol className="graph-list">
          {placed.map(({ node }) => (
            <li key={node.id}>{item(node)}</li>
          ))}
        </ol>
      </details>
    </div>
  );
}

function Picture<Node extends GraphNode>({ name, layout, look, helpId }: Pick<NodeGraphProps<Node>, 'name' | 'layout' | 'look'> & { readonly helpId: string }) {
  const { placed, edges, lanes } = layout;
  const svg = useRef<SVGSVGElement>(null);
  const [chosen, setChosen] = useState<string | null>(null);
  // What was chosen may have left the graph: then its first node is the stop.
  const at = placed.some(({ node }) => node.id === chosen) ? chosen : (placed[0]?.node.id ?? null);
  const onKeyDown = (event: KeyboardEvent): void => {
    const to = at === null ? null : walk(placed, at, event.key);
    if (to === null || event.ctrlKey || event.altKey || event.metaKey) return;
    event.preventDefault();
    setChosen(to);
    svg.current?.querySelector<SVGGElement>(`[data-node="${CSS.escape(to)}"]`)?.focus();
  };
  return (
    <svg ref={svg} className="graph-picture" height={placed.length * rowPx} role="list" aria-label={name} aria-describedby={helpId} onKeyDown={onKeyDown}>
      <g aria-hidden="true">
        {edges.map((edge) => (
          <path key={`${edge.upper.row} ${edge.lower?.row ?? 'below'}`} className={edge.lower === null ? 'graph-edge graph-edge-open' : 'graph-edge'} d={pathOf(edge, placed.length)} />
        ))}
      </g>
      {placed.map(({ node, row, lane }) => (
        <Mark key={node.id} look={look(node)} id={node.id} row={row} lane={lane} textX={xOf(lanes) - lanePx / 4} stop={node.id === at} onChoose={() => setChosen(node.id)} />
      ))}
    </svg>
  );
}

interface MarkProps {
  readonly look: NodeLook;
  readonly id: string;
  readonly row: number;
  readonly lane: number;
  readonly textX: number;
  /** The Tab key stops here. */
  readonly stop: boolean;
  readonly onChoose: () => void;
}

function Mark({ look: { title, facts, spoken, tone }, id, row, lane, textX, stop, onChoose }: MarkProps) {
  const [x, y] = [xOf(lane), yOf(row)];
  return (
    <g role="listitem" className={`graph-node node-${tone}`} data-node={id} tabIndex={stop ? 0 : -1} aria-label={spoken} onFocus={onChoose}>
      <rect className="graph-row" x={1} y={row * rowPx + 1} width="calc(100% - 2px)" height={rowPx - 2} rx={4} />
      {tone === 'main' ? <circle className="graph-halo" cx={x} cy={y} r={radiusPx + 3} /> : null}
      <circle className="graph-dot" cx={x} cy={y} r={radiusPx} />
      {tone === 'gone' ? <path className="graph-cross" d={`M${x - 3} ${y - 3}l6 6m0 -6l-6 6`} /> : null}
      <text x={textX} y={y} dominantBaseline="central" aria-hidden="true">
        <tspan className="graph-title">{title}</tspan>
        <tspan className="graph-facts" dx="0.8em">
          {facts}
        </tspan>
      </text>
    </g>
  );
}
