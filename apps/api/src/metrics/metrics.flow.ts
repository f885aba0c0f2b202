import { deepEqual, equal, match, ok, rejects } from 'node:assert/strict';
import { describe, it } from 'node:test';
import { rowsOf } from '../testing/rows.ts';
import { newDatabaseUrl } from '../testing/shared-cluster.ts';
import { addHost, createDesktop, enrol, raiseStage } from '../testing/stage.ts';
import { reportOf } from '../testing/views.ts';

/** The samples of an exposition: `name{labels}` to value. */
async function scrape(url: string): Promise<Map<string, number>> {
  const response = await fetch(url);
  equal(response.status, 200);
  match(response.headers.get('content-type') ?? '', /^text\/plain; version=0\.0\.4/);
  const lines = (await response.text()).split('\n').filter((line) => line !== '' && !line.startsWith('#'));
  return new Map(lines.map((line) => [line.slice(0, line.lastIndexOf(' ')), Number(line.slice(line.lastIndexOf(' ') + 1))]));
}

describe('metrics', () => {
  it('count what is asked, refused and moved, and tell how the fleet stands', async () => {
    await using stage = await raiseStage({ metrics: { host: '127.0.0.1', port: 0 } });
    const { coordinator } = stage;
    const person = await enrol(coordinator);
    const second = await addHost(person, coordinator, 'laptop-b');
    const params = { desktopId: await createDesktop(person.client) };
    const end = reportOf({ kind: 'suspend', state: 'done', pauseMs: 40, durableMs: 3_000, bytesMoved: 1_000, bytesChanged: 5_000 });
    await person.client.ask('reportMove', { params, body: { ...end, state: 'running' } });
    // The answer to the first was lost, say: it is told twice and has happened once.
    for (let word = 0; word < 2; word++) await person.client.ask('reportMove', { params, body: end });
    await rejects(second.ask('reportMove', { params, body: reportOf() }), { code: 'EPOCH_FENCED' });
    await person.client.ask('reportMove', { params, body: reportOf({ kind: 'suspend', state: 'unknown', fault: 'COMMIT_UNKNOWN' }) });
    equal((await fetch(new URL('/wp-login.php', coordinator.url))).status, 404);
    const found = await scrape(coordinator.metricsUrl!);
    const expected = {
      'godwit_http_requests_total{route="createAccount",status="201"}': 1,
      'godwit_http_requests_total{route="reportMove",status="200"}': 4,
      'godwit_faults_total{code="EPOCH_FENCED",kind="fenced"}': 1,
      'godwit_fenced_requests_total': 1,
      'godwit_http_requests_total{route="none",status="404"}': 1,
      'godwit_moves_total{kind="suspend",state="done"}': 1,
      'godwit_moves_total{kind="resume",state="failed"}': 0,
      'godwit_unknown_outcomes_total': 1,
      'godwit_guest_pause_seconds_sum{kind="suspend"}': 0.04,
      'godwit_guest_pause_seconds_bucket{le="0.03",kind="suspend"}': 0,
      'godwit_depart_duration_seconds_sum': 3,
      'godwit_checkpoint_bytes_total{kind="logical"}': 5_000,
      'godwit_checkpoint_bytes_total{kind="stored"}': 1_000,
      'godwit_desktops{condition="out-of-reach"}': 0,
      'godwit_hosts': 2,
      'godwit_health_messages{severity="high"}': 0,
      'godwit_store_bytes{kind="live"}': 0,
      'godwit_host_streams': 0,
      'godwit_fleet_figures_up': 1,
    };
    for (const [name, value] of Object.entries(expected)) equal(found.get(name), value, name);
    equal([...found].filter(([name]) => name.startsWith('godwit_leases{')).reduce((sum, [, value]) => sum + value, 0), 1);
    ok(found.get('godwit_desktop_last_durable_timestamp_seconds')! > 1e9 && found.get('process_cpu_seconds_total')! > 0);
    const secrets = [person.accountId, person.client.device.hostId, params.desktopId, 'laptop-a', 'wp-login'];
    ok([...found.keys()].every((name) => secrets.every((secret) => !name.includes(secret))), 'a label says who');
  });

  it('tell of each job when it was done last, whether it fails, and whether it was given up', async () => {
    const databaseUrl = await newDatabaseUrl();
    await using stage = await raiseStage({ databaseUrl, metrics: { host: '127.0.0.1', port: 0 } });
    await rowsOf(databaseUrl, `insert into job_runs (job, state, ended_at) values ('prune', 'done', to_timestamp(1000)), ('scrub', 'failed', now())`);
    await rowsOf(databaseUrl, `insert into dead_letters (job, fault) values ('scrub', 'STORE_UNAVAILABLE: away')`);
    const found = await scrape(stage.coordinator.metricsUrl!);
    const figures = ['last_success_timestamp_seconds', 'failing', 'given_up'].map((name) => ['prune', 'scrub'].map((job) => found.get(`godwit_job_${name}{job="${job}"}`)));
    deepEqual(figures, [[1000, undefined], [0, 1], [0, 1]]);
  });

  it('are nowhere unless asked for, and never at the address that everybody reaches', async () => {
    await using stage = await raiseStage();
    equal(stage.coordinator.metricsUrl, undefined);
    equal((await fetch(new URL('/metrics', stage.coordinator.url))).status, 404);
  });
});
