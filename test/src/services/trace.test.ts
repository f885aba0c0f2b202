import { deepEqual, equal, match, ok } from 'node:assert/strict';
import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import { test } from 'node:test';
import { House } from '../house/house.ts';

interface Span {
  readonly service: string;
  readonly name: string;
  readonly traceId: string;
}

interface Attribute {
  readonly key: string;
  readonly value: { readonly stringValue?: string };
}

interface Batch {
  readonly resourceSpans: readonly { readonly resource: { readonly attributes: readonly Attribute[] }; readonly scopeSpans: readonly { readonly spans: readonly Omit<Span, 'service'>[] }[] }[];
}

/** Takes spans as a collector does (OTLP as JSON over HTTP), and waits for what a test wants to see. */
class Collector implements AsyncDisposable {
  readonly spans: Span[] = [];
  readonly #server = createServer((request, response) => {
    let text = '';
    request.setEncoding('utf8').on('data', (piece: string) => (text += piece));
    request.on('end', () => {
      for (const { resource, scopeSpans } of (JSON.parse(text) as Batch).resourceSpans) {
        const service = resource.attributes.find(({ key }) => key === 'service.name')?.value.stringValue ?? '';
        this.spans.push(...scopeSpans.flatMap(({ spans }) => spans.map(({ name, traceId }) => ({ service, name, traceId }))));
      }
      response.writeHead(200, { 'Content-Type': 'application/json' }).end('{}');
      this.#server.emit('spans');
    });
  });

  async listen(): Promise<string> {
    this.#server.listen(0, '127.0.0.1');
    await once(this.#server, 'listening');
    return `http://127.0.0.1:${(this.#server.address() as AddressInfo).port}`;
  }

  async until(there: (spans: readonly Span[]) => boolean): Promise<void> {
    while (!there(this.spans)) await once(this.#server, 'spans');
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#server.closeAllConnections();
    this.#server.close();
    await once(this.#server, 'close');
  }
}

test('one id leads from a command over its agent to the coordinator: in the error, in the log, and in the spans where there is a collector', async () => {
  await using collector = new Collector();
  const url = await collector.listen();
  // What the coordinator inherits.
  process.env['OTEL_EXPORTER_OTLP_ENDPOINT'] = url;
  await using house = new House();
  await house.startCoordinator('127.0.0.1:0', ['--log', 'info']);
  const host = await house.addHost('laptop-a');
  await host.must('init', '--coordinator', house.url, '--name', 'laptop-a');
  const refused = await host.run(['takeover', 'nothing', '--yes', '--json']);
  const { error, trace } = JSON.parse(refused.stdout) as { error: { code: string }; trace: string };
  match(trace, /^[0-9a-f]{32}$/);
  equal(error.code, 'DESKTOP_NOT_FOUND');
  const looked = await host.run(['hosts', '--json']);
  equal(looked.exitCode, 0, looked.stderr);
  const isWhole = (spans: readonly Span[]): boolean => {
    const asked = spans.find(({ name }) => name === 'godwit hosts');
    return asked !== undefined && ['godwit hosts', 'agent hosts', 'ask listHosts', 'GET listHosts'].every((name) => spans.some((span) => span.name === name && span.traceId === asked.traceId));
  };
  await collector.until(isWhole);
  const ofHosts = collector.spans.find(({ name }) => name === 'godwit hosts')!.traceId;
  const services = new Set(collector.spans.filter(({ traceId }) => traceId === ofHosts).map(({ service }) => service));
  deepEqual([...services].sort(), ['godwit', 'godwit-agent', 'godwit-coordinator']);
  const lines = house.coordinatorLog.split('\n').filter((line) => line.startsWith('{')).map((line) => JSON.parse(line) as { event: string; route?: string; trace?: string });
  ok(lines.some(({ event, route, trace: id }) => event === 'request' && route === 'listHosts' && id === ofHosts), house.coordinatorLog);
  ok(lines.every(({ event, trace: id }) => event !== 'request' || /^[0-9a-f]{32}$/.test(id ?? '')));
  ok(!collector.spans.some(({ name }) => name.includes('laptop-a')));
});

test('each run of a job is a trace of its own, by its name', async () => {
  await using collector = new Collector();
  process.env['OTEL_EXPORTER_OTLP_ENDPOINT'] = await collector.listen();
  await using house = new House();
  await house.startCoordinator('127.0.0.1:0', ['--upkeep', '0.1']);
  const jobs = ['job forget', 'job measure', 'job prune', 'job scrub'];
  const runs = (spans: readonly Span[], job: string): Span[] => spans.filter(({ name }) => name === job);
  await collector.until((spans) => jobs.every((job) => runs(spans, job).length > 1));
  const all = jobs.flatMap((job) => runs(collector.spans, job));
  equal(new Set(all.map(({ traceId }) => traceId)).size, all.length);
  ok(all.every(({ service }) => service === 'godwit-coordinator'));
});

test('without a collector the id is there all the same, and one that is away costs no answer', async () => {
  delete process.env['OTEL_EXPORTER_OTLP_ENDPOINT'];
  await using house = new House();
  await house.startCoordinator('127.0.0.1:0', ['--log', 'info']);
  // Nobody listens on this port of the machine's own.
  const host = await house.addHost('laptop-a', { OTEL_EXPORTER_OTLP_ENDPOINT: 'http://127.0.0.1:1' });
  await host.must('init', '--coordinator', house.url, '--name', 'laptop-a');
  const requests = house.coordinatorLog.split('\n').filter((line) => line.includes('"route":"createAccount"')).map((line) => JSON.parse(line) as { trace?: string });
  match(requests[0]?.trace ?? '', /^[0-9a-f]{32}$/);
  await house.stopCoordinator();
  const { exitCode, stderr } = await host.run(['hosts']);
  equal(exitCode, 69);
  match(stderr, /^godwit: error: .*\[COORDINATOR_UNREACHABLE\]\ngodwit: hint: .*\ngodwit: trace: [0-9a-f]{32}\n$/);
  ok(!readFileSync(join(host.home, 'agent.log'), 'utf8').includes('"level":"error"'));
});
