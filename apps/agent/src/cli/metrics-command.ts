import { chmodSync, renameSync, writeFileSync } from 'node:fs';
import { Fault } from '@godwit/base';
import type { ControlResult, DesktopStatus } from '@godwit/wire';
import { agentVersion } from '../account/host-report.ts';
import { askAgent } from '../daemon/control-client.ts';
import { defaultHomeDirectory, homeAt } from '../home.ts';
import { fail, tell } from './ask.ts';
import type { Shell } from './shell.ts';

/** `godwit metrics`: what this host knows of its desktops, for the Prometheus of its person; nothing has to listen for it. */

export function metricsCommand({ program }: Shell): void {
  program
    .command('metrics')
    .description('figures of this host for Prometheus, as text; a host behind a router has them collected by node_exporter from a file')
    .option('--write <file>', 'replace this file with them, in one step')
    .action(async ({ write }: { write?: string }) => {
      try {
        const text = metricsText(await readFigures());
        if (write === undefined) tell(text.trimEnd());
        else replaceFile(write, text);
      } catch (error) {
        fail(error, {});
      }
    });
}

/** What the agent said; undefined of what it did not answer. */
export interface AgentFigures {
  readonly status: ControlResult<'status'> | undefined;
  readonly cache: ControlResult<'cache'> | undefined;
}

async function readFigures(): Promise<AgentFigures> {
  const { controlSocket } = homeAt(defaultHomeDirectory(process.env));
  const status = await answered(askAgent(controlSocket, 'status', { name: null }, () => undefined));
  const cache = await answered(askAgent(controlSocket, 'cache', { limitBytes: null, clear: false, confirmed: false }, () => undefined));
  return { status, cache };
}

/** An agent that does not answer is a figure too, undefined: the alert is about just that. One that refuses is there; that it does is thrown. */
export async function answered<Answer>(asking: Promise<Answer>): Promise<Answer | undefined> {
  try {
    return await asking;
  } catch (error) {
    if (Fault.from(error).kind === 'unavailable') return undefined;
    throw error;
  }
}

type Sample = readonly [labels: Readonly<Record<string, string>>, value: number];

interface Metric {
  readonly name: string;
  readonly type: 'gauge' | 'counter';
  readonly help: string;
  readonly samples: (figures: AgentFigures) => readonly Sample[];
}

const alone = (value: number | undefined): Sample[] => (value === undefined ? [] : [[{}, value]]);
const ofDesktops = (figure: (desktop: DesktopStatus) => number | null | undefined) => ({ status }: AgentFigures): Sample[] =>
  (status?.desktops ?? []).flatMap((desktop) => {
    const value = figure(desktop);
    return value === null || value === undefined ? [] : [[{ desktop: desktop.name }, value] as const];
  });

/** Stable names, documented in docs/metrics.md. An account has few desktops, so their names may be labels here. */
export const agentMetrics: readonly Metric[] = [
  { name: 'godwit_agent_info', type: 'gauge', help: 'The version of the command that asked', samples: () => [[{ version: agentVersion }, 1]] },
  { name: 'godwit_agent_up', type: 'gauge', help: '1: the agent of this host answers', samples: ({ status }) => alone(status === undefined ? 0 : 1) },
  { name: 'godwit_agent_coordinator_reachable', type: 'gauge', help: '1: the agent reaches its coordinator', samples: ({ status }) => alone(status === undefined ? undefined : Number(status.reachable)) },
  { name: 'godwit_agent_desktop_state', type: 'gauge', help: 'The state of each desktop of the account, as godwit status says it', samples: ({ status }) => (status?.desktops ?? []).map(({ name, state }) => [{ desktop: name, state }, 1]) },
  { name: 'godwit_agent_desktop_checkpoint', type: 'gauge', help: 'The number of its newest checkpoint', samples: ofDesktops(({ sequence }) => sequence) },
  { name: 'godwit_agent_desktop_memory_bytes', type: 'gauge', help: 'The memory of a desktop that is here', samples: ofDesktops(({ memoryBytes }) => memoryBytes) },
  { name: 'godwit_agent_last_pause_seconds', type: 'gauge', help: 'How long the guest stood still when it last left here', samples: ofDesktops(({ departure }) => (departure === null ? null : departure.pauseMs / 1000)) },
  { name: 'godwit_agent_last_first_run_seconds', type: 'gauge', help: 'From the command to the running guest when it last came here', samples: ofDesktops(({ arrival }) => (arrival?.runningMs === undefined || arrival.runningMs === null ? null : arrival.runningMs / 1000)) },
  { name: 'godwit_agent_cache_bytes', type: 'gauge', help: 'What the cache of this host has', samples: ({ cache }) => alone(cache?.bytes) },
  { name: 'godwit_agent_cache_limit_bytes', type: 'gauge', help: 'What it may have', samples: ({ cache }) => alone(cache?.limitBytes) },
  { name: 'godwit_agent_cache_hits_total', type: 'counter', help: 'Reads that it answered whole, since the agent began', samples: ({ cache }) => alone(cache?.hits) },
  { name: 'godwit_agent_cache_misses_total', type: 'counter', help: 'Reads that it did not', samples: ({ cache }) => alone(cache?.misses) },
  { name: 'godwit_agent_fetched_bytes_total', type: 'counter', help: 'Fetched from the store, since the agent began', samples: ({ cache }) => alone(cache?.bytesFetched) },
];

/** Prometheus' text format, version 0.0.4. Pure. */
export function metricsText(figures: AgentFigures): string {
  return agentMetrics
    .flatMap(({ name, type, help, samples }) => {
      const lines = samples(figures).map(([labels, value]) => `${name}${labelText(labels)} ${value}`);
      return lines.length === 0 ? [] : [`# HELP ${name} ${help}`, `# TYPE ${name} ${type}`, ...lines];
    })
    .map((line) => `${line}\n`)
    .join('');
}

function labelText(labels: Readonly<Record<string, string>>): string {
  const parts = Object.entries(labels).map(([name, value]) => `${name}="${value.replaceAll('\\', '\\\\').replaceAll('"', '\\"').replaceAll('\n', '\\n')}"`);
  return parts.length === 0 ? '' : `{${parts.join(',')}}`;
}

/** The collector reads at any time: it finds the old file or the new one, whole. */
function replaceFile(path: string, text: string): void {
  // Not ending in .prom: the collector does not take it for one of its own.
  const unfinished = `${path}.${process.pid}`;
  try {
    writeFileSync(unfinished, text, { mode: 0o644 });
    // The collector is another user, whatever mask this one has.
    chmodSync(unfinished, 0o644);
    renameSync(unfinished, path);
  } catch (error) {
    throw new Fault('ARGUMENT_INVALID', { subject: '--write', expected: 'a file that can be written', found: (error as NodeJS.ErrnoException).code ?? 'an error', cause: error });
  }
}
