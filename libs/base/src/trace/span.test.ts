import assert from 'node:assert/strict';
import { createServer } from 'node:http';
import { once } from 'node:events';
import type { AddressInfo } from 'node:net';
import { before, test } from 'node:test';
import { Fault } from '../fault.ts';
import { jsonLog } from '../log.ts';
import { systemRandom } from '../ports.ts';
import { newTraceparent, traceIdOf } from '../traceparent.ts';
import { activeTraceparent, beginTraces, inSpan, tracedLog, wantsTraces } from './index.ts';

interface Sent {
  readonly name: string;
  readonly traceId: string;
  readonly spanId: string;
  readonly parentSpanId?: string;
  readonly status: { readonly code?: number };
  readonly attributes: readonly { readonly key: string; readonly value: { readonly stringValue?: string } }[];
}

/** Takes OTLP as JSON, as a collector does. */
async function collector(): Promise<{ url: string; spans: Sent[]; close: () => void }> {
  const spans: Sent[] = [];
  const server = createServer((request, response) => {
    let text = '';
    request.setEncoding('utf8').on('data', (piece: string) => (text += piece));
    request.on('end', () => {
      assert.equal(request.url, '/v1/traces');
      const { resourceSpans } = JSON.parse(text) as { resourceSpans: { scopeSpans: { spans: Sent[] }[] }[] };
      spans.push(...resourceSpans.flatMap(({ scopeSpans }) => scopeSpans.flatMap((scope) => scope.spans)));
      response.writeHead(200, { 'Content-Type': 'application/json' }).end('{}');
    });
  }).listen(0, '127.0.0.1');
  await once(server, 'listening');
  return { url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`, spans, close: () => void server.close() };
}

let peer: Awaited<ReturnType<typeof collector>>;
let end: () => Promise<void>;
// The exporter reads the environment itself.
before(async () => {
  peer = await collector();
  process.env['OTEL_EXPORTER_OTLP_ENDPOINT'] = peer.url;
  end = await beginTraces({ name: 'a-test', version: '1' }, process.env);
});

test('spans are wanted where somebody says where to', () => {
  assert.deepEqual([{}, { OTEL_EXPORTER_OTLP_ENDPOINT: '' }, { OTEL_EXPORTER_OTLP_ENDPOINT: 'http://x', OTEL_SDK_DISABLED: 'true' }].map(wantsTraces), [false, false, false]);
  assert.deepEqual([{ OTEL_EXPORTER_OTLP_ENDPOINT: 'http://x' }, { OTEL_EXPORTER_OTLP_TRACES_ENDPOINT: 'http://x' }].map(wantsTraces), [true, true]);
});

test('what was asked is under way until it is answered: what it began and goes on is no part of it', async () => {
  const gate = Promise.withResolvers<undefined>();
  const seen: (string | undefined)[] = [];
  let loop: Promise<unknown> = Promise.resolve();
  const parent = newTraceparent(systemRandom);
  await inSpan('command', { parent, kind: 'server' }, async () => {
    loop = gate.promise.then(async () => {
      seen.push(activeTraceparent());
      await inSpan('later', {}, async () => void seen.push(traceIdOf(activeTraceparent())));
    });
    await inSpan('during', {}, async () => void seen.push(traceIdOf(activeTraceparent())));
  });
  gate.resolve(undefined);
  await loop;
  assert.deepEqual(seen.slice(0, 2), [traceIdOf(parent), undefined]);
  assert.match(seen[2] ?? '', /^[0-9a-f]{32}$/);
  assert.notEqual(seen[2], traceIdOf(parent));
});

test('one trace from whoever asks, over what is passed on, to the log and the collector', async () => {
  const parent = newTraceparent(systemRandom);
  const lines: string[] = [];
  const log = tracedLog(jsonLog((line) => lines.push(line))).with({ host: 'a' });
  log.info('outside');
  let passedOn: string | undefined;
  await inSpan('outer', { parent, kind: 'server' }, async () => {
    log.info('inside');
    await inSpan('inner', { attributes: { 'godwit.phase': 'upload' } }, async () => void (passedOn = activeTraceparent()));
    await assert.rejects(inSpan('failing', {}, async () => {
      throw new Fault('EPOCH_FENCED');
    }), { code: 'EPOCH_FENCED' });
  });
  const trace = traceIdOf(parent);
  assert.deepEqual(lines.map((line) => (JSON.parse(line) as { trace?: string; host: string }).trace), [undefined, trace]);
  assert.equal(traceIdOf(passedOn), trace);
  assert.notEqual(passedOn, parent);
  assert.equal(activeTraceparent(), undefined);
  await end();
  peer.close();
  const named = new Map(peer.spans.map((span) => [span.name, span]));
  const [outer, inner, failing] = ['outer', 'inner', 'failing'].map((name) => named.get(name)!);
  assert.deepEqual([outer!.traceId, inner!.traceId, failing!.traceId], [trace, trace, trace]);
  assert.equal(outer!.parentSpanId, parent.slice(36, 52));
  assert.deepEqual([inner!.parentSpanId, failing!.parentSpanId], [outer!.spanId, outer!.spanId]);
  assert.equal(passedOn!.slice(36, 52), inner!.spanId);
  assert.deepEqual(failing!.attributes.map(({ key, value }) => [key, value.stringValue]), [['godwit.fault', 'EPOCH_FENCED']]);
  assert.equal(failing!.status.code, 2);
});
