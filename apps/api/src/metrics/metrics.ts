import { Counter, Gauge, Histogram, Registry } from 'prom-client';
import { faultCodes, type FaultCode } from '@godwit/base';
import { offlineMode, type MoveReport } from '@godwit/wire';
import type { FleetFigures } from './fleet-figures.ts';

/** Seconds: from an answer out of memory to a slow disk. */
const requestBuckets = [0.001, 0.005, 0.02, 0.1, 0.5, 2, 10];
/** Seconds: how long a guest may stand still before it is felt, and beyond. */
const pauseBuckets = [0.01, 0.03, 0.1, 0.3, 1, 3, 10, 30];
/** Seconds: what a person waits for. */
const waitBuckets = [0.5, 1, 2, 5, 10, 30, 60, 120, 300, 900, 3600];

/** One request, when it is over. */
export interface RequestFigures {
  /** A name of the route table, or `objects`, `dashboard`, `none`: never what a client made up. */
  readonly route: string;
  readonly status: number;
  readonly lengthSeconds: number;
  readonly fault: FaultCode | undefined;
}

/**
 * What a coordinator measures, in the names of docs/metrics.md. Labels have few values, known beforehand: no name of a desktop, a host or a person is in
 * here. What this process saw is counted as it happens; what the database knows of the fleet is set by {@link setFleet}, and is the same at each replica.
 */
export class Metrics {
  readonly registry = new Registry();
  readonly #requests = this.#counter('godwit_http_requests_total', 'Requests answered, by route and status', ['route', 'status']);
  readonly #requestSeconds = this.#histogram('godwit_http_request_duration_seconds', 'From a request to the end of its answer', requestBuckets, ['route']);
  readonly #faults = this.#counter('godwit_faults_total', 'Requests that ended with a fault, by its code and kind', ['code', 'kind']);
  readonly #fenced = this.#counter('godwit_fenced_requests_total', 'Requests refused because their epoch is not the current one');
  readonly #moves = this.#counter('godwit_moves_total', 'Moves that ended, as their hosts tell, by kind and state', ['kind', 'state']);
  readonly #unknown = this.#counter('godwit_unknown_outcomes_total', 'Moves of which it was not known whether they were committed');
  readonly #pauseSeconds = this.#histogram('godwit_guest_pause_seconds', 'How long a guest stood still for a checkpoint', pauseBuckets, ['kind']);
  readonly #departSeconds = this.#histogram('godwit_depart_duration_seconds', 'A suspend, from the command to the acknowledged commit', waitBuckets);
  readonly #checkpointSeconds = this.#histogram('godwit_checkpoint_duration_seconds', 'A checkpoint of a running desktop, to the acknowledged commit', waitBuckets);
  readonly #firstRunSeconds = this.#histogram('godwit_resume_first_run_seconds', 'A resume, from the command to the running guest', waitBuckets);
  readonly #checkpointBytes = this.#counter('godwit_checkpoint_bytes_total', 'Of committed checkpoints: what had changed (logical), and what was uploaded for it (stored)', ['kind']);
  readonly #fetchedBytes = this.#counter('godwit_resume_fetched_bytes_total', 'Fetched by resumes that ended');
  readonly #notified = this.#counter('godwit_notifications_total', 'Messages to operators outside, by channel: taken by their receiver (told) or not (failed)', ['channel', 'outcome']);
  readonly #streams = this.#gauge('godwit_host_streams', 'Hosts with an open stream of events, as far as this replica knows');
  readonly #figuresUp = this.#gauge('godwit_fleet_figures_up', '1: the figures of the fleet were read at this scrape; 0: they were not, and are left out');
  readonly #fleet = {
    desktops: this.#gauge('godwit_desktops', 'Desktops by condition', ['condition']),
    protection: this.#gauge('godwit_desktops_by_protection', 'Desktops by how their newest durable checkpoint stands against the policy', ['protection']),
    leases: this.#gauge('godwit_leases', 'Desktops that a host holds, by what holds when it is out of reach', ['offline']),
    hosts: this.#gauge('godwit_hosts', 'Hosts that may act'),
    hostsInReach: this.#gauge('godwit_hosts_in_reach', 'Hosts that may act and are in reach'),
    hostsOutOfDate: this.#gauge('godwit_hosts_out_of_date', 'Hosts with an agent older than the coordinator supports'),
    hostContact: this.#gauge('godwit_host_last_contact_timestamp_seconds', 'When the host that holds a desktop and was silent for longest was last heard of'),
    durable: this.#gauge('godwit_desktop_last_durable_timestamp_seconds', 'When the held desktop with the oldest newest checkpoint became durable, or was made'),
    movesRunning: this.#gauge('godwit_moves_running', 'Moves under way'),
    health: this.#gauge('godwit_health_messages', 'What needs a person, by severity', ['severity']),
    storeBytes: this.#gauge('godwit_store_bytes', 'Bytes in the store: needed by a checkpoint (live) or not (dead)', ['kind']),
    storeObjects: this.#gauge('godwit_store_objects', 'Objects in the store'),
    storeFree: this.#gauge('godwit_store_free_bytes', 'Bytes that the store can still take; left out where it does not say'),
    secondObjects: this.#gauge('godwit_second_bucket_objects', 'Objects of the store: in the second bucket (copied), or still to be copied there (behind); this and the next two only with a second bucket', ['kind']),
    secondBytes: this.#gauge('godwit_second_bucket_bytes', 'Their bytes', ['kind']),
    secondBehind: this.#gauge('godwit_second_bucket_behind_since_timestamp_seconds', 'When the object that waits longest to be copied to the second bucket was stored; left out where none waits'),
    scrub: this.#gauge('godwit_scrub_oldest_verified_timestamp_seconds', 'When the object that waits longest for scrub was stored or last looked at'),
    jobDone: this.#gauge('godwit_job_last_success_timestamp_seconds', 'When a job last ended well', ['job']),
    jobFailing: this.#gauge('godwit_job_failing', '1: the newest run of a job that ended has failed', ['job']),
    jobGivenUp: this.#gauge('godwit_job_given_up', '1: a round of a job failed to its last attempt, and none has ended well since; 0 also when it was put away', ['job']),
  };

  constructor(version: string) {
    this.#gauge('godwit_build_info', 'The version of this coordinator', ['version']).set({ version }, 1);
    // Rules compare rates: a series that begins with its first event would hide just that one.
    for (const kind of ['suspend', 'checkpoint', 'resume']) for (const state of ['done', 'failed', 'cancelled', 'unknown']) this.#moves.inc({ kind, state }, 0);
    for (const kind of ['logical', 'stored']) this.#checkpointBytes.inc({ kind }, 0);
  }

  request({ route, status, lengthSeconds, fault }: RequestFigures): void {
    this.#requests.inc({ route, status });
    this.#requestSeconds.observe({ route }, lengthSeconds);
    if (fault === undefined) return;
    const { kind } = faultCodes[fault];
    this.#faults.inc({ code: fault, kind });
    if (kind === 'fenced') this.#fenced.inc();
  }

  /** A host's last word about a move; one whose outcome was unknown and becomes known counts with both. */
  moveEnded({ kind, state, pauseMs, durableMs, runningMs, bytesMoved, bytesChanged }: Pick<MoveReport, 'kind' | 'state' | 'pauseMs' | 'durableMs' | 'runningMs' | 'bytesMoved' | 'bytesChanged'>): void {
    this.#moves.inc({ kind, state });
    if (state === 'unknown') this.#unknown.inc();
    if (state !== 'done') return;
    if (pauseMs !== null) this.#pauseSeconds.observe({ kind }, pauseMs / 1000);
    if (kind === 'resume') {
      if (runningMs !== null) this.#firstRunSeconds.observe(runningMs / 1000);
      this.#fetchedBytes.inc(bytesMoved);
      return;
    }
    if (durableMs !== null) (kind === 'suspend' ? this.#departSeconds : this.#checkpointSeconds).observe(durableMs / 1000);
    if (bytesChanged !== null) this.#checkpointBytes.inc({ kind: 'logical' }, bytesChanged);
    this.#checkpointBytes.inc({ kind: 'stored' }, bytesMoved);
  }

  /** A channel that messages will go out by. */
  willNotify(channel: string): void {
    for (const outcome of ['told', 'failed']) this.#notified.inc({ channel, outcome }, 0);
  }

  notified(channel: string, outcome: 'told' | 'failed'): void {
    this.#notified.inc({ channel, outcome });
  }

  setStreams(open: number): void {
    this.#streams.set(open);
  }

  /** Undefined: they could not be read. Old figures would look like a fleet that is well, so there are none then. */
  setFleet(figures: FleetFigures | undefined): void {
    this.#figuresUp.set(figures === undefined ? 0 : 1);
    for (const gauge of Object.values(this.#fleet)) gauge.reset();
    // A gauge without labels is 0 after a reset, which would be a figure.
    if (figures === undefined) for (const gauge of Object.values(this.#fleet)) gauge.remove({});
    else this.#show(figures);
  }

  #show(figures: FleetFigures): void {
    const fleet = this.#fleet;
    const set = (gauge: Gauge, value: number | null): void => (value === null ? gauge.remove({}) : gauge.set(value));
    const each = (gauge: Gauge, label: string, values: Readonly<Record<string, number>>): void => {
      for (const [name, value] of Object.entries(values)) gauge.set({ [label]: name }, value);
    };
    each(fleet.desktops, 'condition', figures.desktops);
    each(fleet.protection, 'protection', figures.protection);
    each(fleet.leases, 'offline', { ...Object.fromEntries(offlineMode.options.map((mode) => [mode, 0])), ...figures.leases });
    each(fleet.health, 'severity', figures.health);
    each(fleet.storeBytes, 'kind', { live: figures.liveBytes, dead: figures.deadBytes });
    set(fleet.hosts, figures.hosts.current);
    set(fleet.hostsInReach, figures.hosts.inReach);
    set(fleet.hostsOutOfDate, figures.hosts.outOfDate);
    set(fleet.hostContact, figures.oldestContactSeconds);
    set(fleet.durable, figures.oldestDurableSeconds);
    set(fleet.movesRunning, figures.movesRunning);
    set(fleet.storeObjects, figures.objects);
    set(fleet.storeFree, figures.freeBytes);
    const { copiedObjects, copiedBytes, behindObjects, behindBytes, behindSinceMs = null } = figures.secondBucket ?? {};
    if (copiedObjects !== undefined && behindObjects !== undefined) each(fleet.secondObjects, 'kind', { copied: copiedObjects, behind: behindObjects });
    if (copiedBytes !== undefined && behindBytes !== undefined) each(fleet.secondBytes, 'kind', { copied: copiedBytes, behind: behindBytes });
    set(fleet.secondBehind, behindSinceMs === null ? null : behindSinceMs / 1000);
    set(fleet.scrub, figures.oldestVerifiedSeconds);
    for (const { job, doneSeconds, failing, givenUp } of figures.jobs) {
      if (doneSeconds !== null) fleet.jobDone.set({ job }, doneSeconds);
      fleet.jobFailing.set({ job }, failing ? 1 : 0);
      fleet.jobGivenUp.set({ job }, givenUp ? 1 : 0);
    }
  }

  #counter<Label extends string = never>(name: string, help: string, labelNames: readonly Label[] = []): Counter<Label> {
    return new Counter({ name, help, labelNames, registers: [this.registry] });
  }

  #gauge<Label extends string = never>(name: string, help: string, labelNames: readonly Label[] = []): Gauge<Label> {
    return new Gauge({ name, help, labelNames, registers: [this.registry] });
  }

  #histogram<Label extends string = never>(name: string, help: string, buckets: number[], labelNames: readonly Label[] = []): Histogram<Label> {
    return new Histogram({ name, help, buckets, labelNames, registers: [this.registry] });
  }
}
