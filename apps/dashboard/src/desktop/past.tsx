import { useMemo, useState } from 'react';
import { Link } from 'react-router';
import type { DesktopDetail } from '@godwit/wire/operators';
import { NodeGraph, type NodeLook } from '../graph/node-graph.tsx';
import { Empty } from '../parts/card.tsx';
import { pathToDesktop } from '../shell/places.ts';
import { absoluteText } from '../words/times.ts';
import { nodeFacts, nodeText, nodeTitle, pastLayout, type PastNode } from './checkpoint-graph.ts';

const shownAtFirst = 50;

/** The checkpoints of a desktop as a graph. */
export function Past({ detail }: { readonly detail: DesktopDetail }) {
  const [all, setAll] = useState(false);
  const { checkpoints } = detail;
  const layout = useMemo(() => pastLayout(detail, all ? Infinity : shownAtFirst), [detail, all]);
  if (checkpoints.length === 0) return <Empty title="It has no checkpoint yet.">The first comes with its first suspend, or with godwit checkpoint while it runs.</Empty>;
  return (
    <>
      <NodeGraph name="Checkpoints" layout={layout} look={look} item={(node) => <Item node={node} accountId={detail.desktop.accountId} />} />
      {checkpoints.length <= shownAtFirst || all ? null : (
        <button type="button" className="button" onClick={() => setAll(true)}>
          Show all {checkpoints.length}
        </button>
      )}
    </>
  );
}

function look(node: PastNode): NodeLook {
  const spoken = nodeText(node, absoluteText);
  if (node.kind === 'fork') return { title: `Fork ${node.name}`, facts: `of checkpoint ${node.sequence}`, spoken, tone: 'away' };
  if (node.kind === 'origin') return { title: node.name ?? 'a desktop that is gone', facts: `checkpoint ${node.sequence}, from which this was forked`, spoken, tone: 'away' };
  const { checkpoint, head } = node;
  return { title: nodeTitle(checkpoint, head), facts: nodeFacts(checkpoint, absoluteText).join(', '), spoken, tone: checkpoint.dropped ? 'gone' : head ? 'main' : 'plain' };
}

function Item({ node, accountId }: { readonly node: PastNode; readonly accountId: string }) {
  const text = nodeText(node, absoluteText);
  return node.kind === 'checkpoint' ? text : <Link to={pathToDesktop(accountId, node.desktopId)}>{text}</Link>;
}
