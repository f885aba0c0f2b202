import { useMemo } from 'react';
import { Link } from 'react-router';
import type { OperatorHost, Trust } from '@godwit/wire/operators';
import { NodeGraph, type NodeLook } from '../graph/node-graph.tsx';
import { Badge } from '../parts/badge.tsx';
import { pathToHost } from '../shell/places.ts';
import { hostStates } from '../words/wordings.ts';
import { absoluteText } from '../words/times.ts';
import { recoveryName, trustLayout, trustText, type TrustNode } from './trust-graph.ts';

/** The devices of an account, each under the one that let it in. */
export function TrustPicture({ trust }: { readonly trust: Trust }) {
  const layout = useMemo(() => trustLayout(trust), [trust]);
  const names = new Map(layout.placed.map(({ node }) => [node.id, node.name]));
  const textOf = (node: TrustNode): string => trustText(node, (node.parent === null ? undefined : names.get(node.parent)) ?? recoveryName, absoluteText);
  const look = (node: TrustNode): NodeLook => {
    const spoken = textOf(node);
    const { device } = node;
    if (device === null) return { title: 'Recovery key', facts: '24 words that its person keeps on paper', spoken, tone: 'away' };
    const tone = device.revoked !== null ? 'gone' : device.host?.state === 'barred' ? 'bad' : device.host?.inReach === true ? 'main' : 'plain';
    return { title: node.name, facts: spoken.slice(node.name.length + 2), spoken, tone };
  };
  return (
    <NodeGraph
      name="Who let whom in"
      layout={layout}
      look={look}
      item={(node) => <Item text={textOf(node)} name={node.name} host={node.device?.host ?? null} />}
    />
  );
}

function Item({ text, name, host }: { readonly text: string; readonly name: string; readonly host: OperatorHost | null }) {
  if (host === null) return text;
  return (
    <>
      {text} <Badge wording={hostStates[host.state]} /> <Link to={pathToHost(name)}>{`see ${name}`}</Link>
    </>
  );
}
