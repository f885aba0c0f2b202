import { deepEqual, doesNotMatch, equal, match, rejects } from 'node:assert/strict';
import { test } from 'node:test';
import { Fault } from '@godwit/base';
import type { DesktopStatus } from '@godwit/wire';
import { agentMetrics, answered, metricsText, type AgentFigures } from './metrics-command.ts';

const desktop: DesktopStatus = {
  name: 'work', desktopId: '0'.repeat(32), state: 'saved', holder: 'laptop-a', epoch: 2, sequence: 7, memoryBytes: 2 ** 29, arrival: null,
  departure: { pauseMs: 310, durableMs: 900, ramBytesScanned: 1, pagesChanged: 1, diskPagesWritten: 0, bytesUploaded: 1, bytesLeftAtStop: 0, stoppedAtMs: 1, agentResidentBytes: 1 },
  qemuResidentBytes: null, note: null, offline: 'keep', holding: null,
};
const figures: AgentFigures = {
  status: { hostName: 'laptop-a', coordinator: 'http://x', reachable: false, desktops: [desktop] },
  cache: { bytes: 5, limitBytes: 10, limitIsDefault: true, budgetBytes: 10, packs: 1, hits: 3, misses: 1, bytesFromCache: 4, bytesFetched: 2, desktops: [], cleared: null },
};

test('each figure is a line with its help and its type, once', () => {
  const lines = metricsText(figures).trimEnd().split('\n');
  deepEqual(lines.slice(3, 6), ['# HELP godwit_agent_up 1: the agent of this host answers', '# TYPE godwit_agent_up gauge', 'godwit_agent_up 1']);
  for (const line of ['godwit_agent_coordinator_reachable 0', 'godwit_agent_desktop_state{desktop="work",state="saved"} 1', 'godwit_agent_desktop_checkpoint{desktop="work"} 7', 'godwit_agent_last_pause_seconds{desktop="work"} 0.31', 'godwit_agent_cache_hits_total 3']) equal(lines.filter((each) => each === line).length, 1, line);
  for (const { name } of agentMetrics) equal(lines.filter((line) => line.startsWith(`# TYPE ${name} `)).length, name === 'godwit_agent_last_first_run_seconds' ? 0 : 1, name);
});

test('an agent that does not answer is one that is down, and nothing else is told of it', () => {
  const text = metricsText({ status: undefined, cache: undefined });
  match(text, /^godwit_agent_up 0$/m);
  doesNotMatch(text, /desktop|cache|reachable/);
});

test('an agent that refuses whoever asks is not taken for one that is down', async () => {
  deepEqual(await Promise.all([answered(Promise.resolve(1)), answered(Promise.reject(new Fault('AGENT_UNREACHABLE', {})))]), [1, undefined]);
  await rejects(answered(Promise.reject(new Fault('AGENT_DENIED', {}))), { code: 'AGENT_DENIED' });
});

test('what stands in a label cannot end it', () => {
  const text = metricsText({ ...figures, status: { ...figures.status!, desktops: [{ ...desktop, name: 'a"} 1\n\\' }] } });
  match(text, /^godwit_agent_desktop_state\{desktop="a\\"\} 1\\n\\\\",state="saved"\} 1$/m);
});
