import { agentMetrics } from '@godwit/agent';
import { Metrics } from '@godwit/api';

/** The tables of docs/metrics.md, from the programs. */

interface Named {
  readonly name: string;
  readonly type: string;
  readonly help: string;
}

export async function coordinatorMetrics(): Promise<Named[]> {
  const found = await new Metrics('').registry.getMetricsAsJSON();
  return found.map(({ name, help, type }) => ({ name, help, type: String(type) }));
}

const rows = (metrics: readonly Named[]): string => ['| name | type | what |', '| --- | --- | --- |', ...metrics.map(({ name, type, help }) => `| \`${name}\` | ${type} | ${help} |`)].join('\n');

/** The page with both tables as they have to be. */
export async function withTables(page: string): Promise<string> {
  const tables = { coordinator: rows(await coordinatorMetrics()), agent: rows(agentMetrics) };
  return Object.entries(tables).reduce((text, [whose, table]) => text.replace(new RegExp(`(<!-- ${whose} metrics -->\\n)[^]*?(\\n<!-- end -->)`), (_, begin: string, end: string) => `${begin}${table}${end}`), page);
}

/** Names of ours in an expression of Prometheus, of a histogram without the ending of its series. */
export function metricNames(expression: string): string[] {
  return [...expression.matchAll(/\bgodwit_[a-z_]+/g)].map(([name]) => name.replace(/_(bucket|sum|count)$/, ''));
}
