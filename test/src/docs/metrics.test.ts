import { deepEqual, equal, match, ok } from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, test } from 'node:test';
import { agentMetrics } from '@godwit/agent';
import { root } from '../tidy/sources.ts';
import { coordinatorMetrics, metricNames, withTables } from './metrics-tables.ts';

const read = (path: string): string => readFileSync(join(root, path), 'utf8');

interface Panel {
  readonly title: string;
  readonly type: string;
  readonly description?: string;
  readonly gridPos: { readonly x: number; readonly w: number };
  readonly targets?: readonly { readonly expr: string }[];
}

describe('metrics', async () => {
  const coordinator = await coordinatorMetrics();
  const known = new Set([...coordinator, ...agentMetrics].map(({ name }) => name));

  test('docs/metrics.md has all of them; else: node test/dist/docs/write-metrics.js', async () => {
    const page = read('docs/metrics.md');
    equal(await withTables(page), page);
    ok(page.includes('`godwit_guest_pause_seconds`') && page.includes('`godwit_agent_up`'));
  });

  test('are named as Prometheus wants it: one prefix, base units last, counters with _total', () => {
    for (const { name, type } of [...coordinator, ...agentMetrics]) {
      match(name, /^godwit(_[a-z]+)+$/);
      equal(name.endsWith('_total'), type === 'counter', name);
      ok(!/(_ms|_milliseconds|_kb|_mib|_percent)(_|$)/.test(name), name);
      if (type === 'histogram') match(name, /_seconds$/);
    }
    equal(known.size, coordinator.length + agentMetrics.length);
  });

  test('the rules and the dashboard ask for none that does not exist, and a wrong name would be seen', () => {
    deepEqual(metricNames('sum(rate(godwit_guest_pause_seconds_bucket{kind="x"}[5m])) / godwit_hosts'), ['godwit_guest_pause_seconds', 'godwit_hosts']);
    const rules = [...read('infra/observe/rules.yaml').matchAll(/expr: (?:\|\n((?: {10}.*\n)+)|(.*))/g)].map(([, block, line]) => block ?? line ?? '');
    const { panels } = JSON.parse(read('infra/observe/grafana/godwit.json')) as { panels: Panel[] };
    const asked = [...rules, ...panels.flatMap(({ targets = [] }) => targets.map(({ expr }) => expr))].flatMap(metricNames);
    ok(rules.length > 10 && asked.length > 40);
    deepEqual([...new Set(asked)].filter((name) => !known.has(name)), []);
    const unseen = coordinator.map(({ name }) => name).filter((name) => !asked.includes(name));
    // Each figure is in a picture or a rule, or else it is for questions that somebody asks by hand.
    deepEqual(unseen, ['godwit_host_last_contact_timestamp_seconds']);
  });

  test('each alert has a case in which it fires and one in which it is quiet', () => {
    const alerts = [...read('infra/observe/rules.yaml').matchAll(/- alert: (\w+)/g)].map(([, name]) => name!);
    const cases = new Set([...(read('infra/observe/rules.test.yaml') + read('infra/observe/rules.days.test.yaml')).matchAll(/- name: (\w+ (?:fires|is quiet))/g)].map(([, name]) => name!));
    deepEqual(alerts.flatMap((name) => [`${name} fires`, `${name} is quiet`]).filter((name) => !cases.has(name)), []);
    ok(alerts.length > 10);
  });

  test('each picture of the dashboard says what it shows and in which unit, and none lies outside', () => {
    const { panels } = JSON.parse(read('infra/observe/grafana/godwit.json')) as { panels: (Panel & { fieldConfig?: { defaults: { unit?: string } } })[] };
    for (const { type, title, description = '', gridPos, fieldConfig } of panels.filter((panel) => panel.type !== 'row')) {
      ok(description !== '' && fieldConfig?.defaults.unit !== undefined, `${type} ${title}`);
      ok(gridPos.x + gridPos.w <= 24, title);
    }
    equal(new Set(panels.map(({ title }) => title)).size, panels.length);
  });
});
