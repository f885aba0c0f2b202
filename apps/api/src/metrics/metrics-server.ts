import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import { once } from 'node:events';
import type { AddressInfo } from 'node:net';
import { collectDefaultMetrics } from 'prom-client';
import { Fault, type Log } from '@godwit/base';
import type { FleetFigures } from './fleet-figures.ts';
import type { Metrics } from './metrics.ts';

/** Prometheus waits ten seconds for a scrape unless told otherwise: what this process counted must come also while the database does not answer. */
const fleetMs = 5_000;
const requestMs = 5_000;
const connectionsMax = 32;

export interface MetricsParts {
  readonly metrics: Metrics;
  readonly fleet: { read(): Promise<FleetFigures>; readonly streams: number };
  readonly log: Log;
}

export interface MetricsServer {
  readonly url: string;
  close(): Promise<void>;
}

/**
 * `GET /metrics` on an address of its own: who may ask is said by where it listens, not by a secret, and the address that everybody reaches has no such page.
 * Throws COORDINATOR_LISTEN_FAILED.
 */
export async function serveMetrics({ host, port }: { readonly host: string; readonly port: number }, parts: MetricsParts): Promise<MetricsServer> {
  collectDefaultMetrics({ register: parts.metrics.registry });
  const server = createServer({ headersTimeout: requestMs, requestTimeout: requestMs, connectionsCheckingInterval: requestMs }, (request, response) => void answer(request, response, parts));
  server.maxConnections = connectionsMax;
  server.listen(port, host);
  try {
    await once(server, 'listening');
  } catch (error) {
    throw new Fault('COORDINATOR_LISTEN_FAILED', { subject: `${host}:${port}`, found: (error as NodeJS.ErrnoException).code ?? 'an error', hint: 'choose another with --metrics, or stop what uses it', cause: error });
  }
  const { address, port: bound, family } = server.address() as AddressInfo;
  return {
    url: `http://${family === 'IPv6' ? `[${address}]` : address}:${bound}/metrics`,
    close: async () => {
      const closed = once(server, 'close');
      server.close();
      server.closeAllConnections();
      await closed;
    },
  };
}

async function answer(request: IncomingMessage, response: ServerResponse, { metrics, fleet, log }: MetricsParts): Promise<void> {
  response.on('error', () => undefined);
  if (request.url !== '/metrics' || (request.method !== 'GET' && request.method !== 'HEAD')) {
    response.writeHead(404, { Connection: 'close' }).end();
    return;
  }
  try {
    metrics.setStreams(fleet.streams);
    metrics.setFleet(await withinTime(fleet.read(), log));
    const text = await metrics.registry.metrics();
    response.writeHead(200, { 'Content-Type': metrics.registry.contentType }).end(text);
  } catch (error) {
    log.error('metrics.failed', { error });
    response.writeHead(500, { Connection: 'close' }).end();
  }
}

/** Undefined when they did not come in time, or not at all. */
async function withinTime(reading: Promise<FleetFigures>, log: Log): Promise<FleetFigures | undefined> {
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<undefined>((resolve) => {
    timer = setTimeout(resolve, fleetMs, undefined);
  });
  const figures = reading.catch((error: unknown) => {
    log.warn('metrics.fleet', { error });
    return undefined;
  });
  try {
    return await Promise.race([figures, late]);
  } finally {
    clearTimeout(timer);
  }
}
