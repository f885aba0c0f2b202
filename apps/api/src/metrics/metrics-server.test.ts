import { deepEqual, doesNotMatch, equal, match, rejects } from 'node:assert/strict';
import { test } from 'node:test';
import { Fault, silentLog } from '@godwit/base';
import type { FleetFigures } from './fleet-figures.ts';
import { Metrics } from './metrics.ts';
import { serveMetrics } from './metrics-server.ts';

const figures: FleetFigures = {
  desktops: { held: 3, departing: 0, arriving: 0, free: 2, 'out-of-reach': 1, new: 0 }, protection: { safe: 2, fresh: 3, late: 0, unprotected: 1 }, hosts: { current: 4, inReach: 3, outOfDate: 0 },
  leases: { stop: 1 }, health: { low: 0, medium: 0, high: 2 }, movesRunning: 1, liveBytes: 10, deadBytes: 1, objects: 5, freeBytes: null, secondBucket: null, oldestVerifiedSeconds: null, oldestContactSeconds: 1_700_000_000,
  oldestDurableSeconds: 1_700_000_001, jobs: [{ job: 'prune', doneSeconds: 1_700_000_002, failing: true, givenUp: true }, { job: 'scrub', doneSeconds: null, failing: false, givenUp: false }],
};

async function ask(url: string): Promise<string> {
  const response = await fetch(url);
  equal(response.status, 200);
  return response.text();
}

test('figures of the fleet that could not be read are left out, not shown as they were; what the process counted stays', async () => {
  const metrics = new Metrics('1.2.3');
  metrics.request({ route: 'healthz', status: 200, lengthSeconds: 0.01, fault: undefined });
  let answer: () => Promise<FleetFigures> = async () => figures;
  const server = await serveMetrics({ host: '127.0.0.1', port: 0 }, { metrics, fleet: { read: () => answer(), streams: 7 }, log: silentLog });
  try {
    const well = await ask(server.url);
    for (const line of ['godwit_desktops{condition="out-of-reach"} 1', 'godwit_health_messages{severity="high"} 2', 'godwit_job_failing{job="prune"} 1', 'godwit_fleet_figures_up 1', 'godwit_host_streams 7', 'godwit_hosts_in_reach 3', 'godwit_build_info{version="1.2.3"} 1']) match(well, new RegExp(`^${line.replace(/[{}]/g, '\\$&')}$`, 'm'));
    // What is not known is not zero.
    doesNotMatch(well, /^godwit_second_bucket|^godwit_store_free_bytes |^godwit_scrub_oldest_verified_timestamp_seconds |last_success_timestamp_seconds\{job="scrub"/m);
    const secondBucket = { place: 'p', copiedObjects: 4, copiedBytes: 8, behindObjects: 1, behindBytes: 2, behindSinceMs: 1_700_000_003_000, goneObjects: 0, goneBytes: 0 };
    answer = async () => ({ ...figures, secondBucket });
    match(await ask(server.url), /^godwit_second_bucket_objects\{kind="behind"\} 1$[^]*^godwit_second_bucket_bytes\{kind="copied"\} 8$[^]*^godwit_second_bucket_behind_since_timestamp_seconds 1700000003$/m);
    answer = async () => ({ ...figures, secondBucket: { ...secondBucket, behindObjects: 0, behindBytes: 0, behindSinceMs: null } });
    doesNotMatch(await ask(server.url), /^godwit_second_bucket_behind_since_timestamp_seconds /m);
    answer = () => Promise.reject(new Fault('DATABASE_UNAVAILABLE'));
    const ill = await ask(server.url);
    match(ill, /^godwit_fleet_figures_up 0$/m);
    match(ill, /^godwit_http_requests_total\{route="healthz",status="200"\} 1$/m);
    doesNotMatch(ill, /^godwit_(desktops|health_messages|hosts|store_objects|job_failing|moves_running|leases)[ {]/m);
    const base = new URL(server.url);
    deepEqual(await Promise.all(['/', '/metrics/x'].map(async (path) => (await fetch(new URL(path, base))).status)), [404, 404]);
    equal((await fetch(server.url, { method: 'POST' })).status, 404);
    const { port } = base;
    await rejects(serveMetrics({ host: '127.0.0.1', port: Number(port) }, { metrics: new Metrics('1'), fleet: { read: () => answer(), streams: 0 }, log: silentLog }), { code: 'COORDINATOR_LISTEN_FAILED' });
  } finally {
    await server.close();
  }
});
