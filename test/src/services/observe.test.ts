import { equal, match, notEqual, ok } from 'node:assert/strict';
import { cpSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { spawn } from 'node:child_process';
import { after, before, describe, test } from 'node:test';
import { run } from '../docs/programs.ts';
import { House } from '../house/house.ts';
import { root } from '../tidy/sources.ts';

const folder = join(root, 'infra/observe');
const promtool = (...words: string[]) => run('promtool', words, { directory: folder });

async function checkMetrics(text: string): Promise<{ code: number | null; said: string }> {
  const child = spawn('promtool', ['check', 'metrics'], { stdio: ['pipe', 'pipe', 'pipe'] });
  let said = '';
  for (const stream of [child.stdout, child.stderr]) stream.on('data', (piece: Buffer) => (said += piece.toString()));
  child.stdin.end(text);
  const code = await new Promise<number | null>((resolve, reject) => {
    child.once('error', reject);
    child.once('close', resolve);
  });
  return { code, said };
}

describe('what Prometheus and Grafana are given', () => {
  let directory: string;
  before(() => (directory = mkdtempSync(join(tmpdir(), 'godwit-p-'))));
  after(() => rmSync(directory, { recursive: true }));

  test('the rules are rules, fire when they should, and keep quiet when not', async () => {
    const checked = await promtool('check', 'rules', 'rules.yaml');
    equal(checked.exitCode, 0, checked.stderr);
    const tested = await promtool('test', 'rules', 'rules.test.yaml', 'rules.days.test.yaml');
    equal(tested.exitCode, 0, tested.stdout + tested.stderr);
  });

  test('a rule that is wrong would be seen', async () => {
    cpSync(folder, directory, { recursive: true });
    const rules = join(directory, 'rules.yaml');
    const text = readFileSync(rules, 'utf8');
    for (const [right, wrongly] of [['== 0\n        for: 2m', '== 1\n        for: 2m'], ['state="failed"}[30m])) > 3', 'state="failed"}[30m])) > 300'], ['protection="unprotected"}) > 0', 'protection="unprotected"}) > 9'], ['job!="scrub"', 'job!="prune"']] as const) {
      const wrong = text.replace(right, wrongly);
      notEqual(wrong, text, right);
      writeFileSync(rules, wrong);
      equal((await promtool('test', 'rules', join(directory, right.includes('job') ? 'rules.days.test.yaml' : 'rules.test.yaml'))).exitCode, 1, wrongly);
    }
  });

  test('the configuration of Prometheus is one', async () => {
    const path = join(directory, 'prometheus.yml');
    writeFileSync(path, readFileSync(join(folder, 'prometheus.yml'), 'utf8').replace('/etc/prometheus/rules.yaml', join(folder, 'rules.yaml')));
    const { exitCode, stdout, stderr } = await promtool('check', 'config', path);
    equal(exitCode, 0, stdout + stderr);
  });

  test('each expression of the dashboard can be asked', async () => {
    const { panels } = JSON.parse(readFileSync(join(folder, 'grafana/godwit.json'), 'utf8')) as { panels: { targets?: { expr: string }[] }[] };
    const asked = panels.flatMap(({ targets = [] }) => targets.map(({ expr }) => expr.replaceAll('$__rate_interval', '5m')));
    ok(asked.length > 30);
    const path = join(directory, 'asked.yaml');
    const write = (expressions: readonly string[]): void => writeFileSync(path, JSON.stringify({ groups: [{ name: 'asked', rules: expressions.map((expr, index) => ({ record: `asked:${index}`, expr })) }] }));
    write(asked);
    const { exitCode, stderr } = await promtool('check', 'rules', path);
    equal(exitCode, 0, stderr);
    write([...asked, 'sum(rate(']);
    equal((await promtool('check', 'rules', path)).exitCode, 1);
  });

  test('what a real coordinator and a real host answer is what promtool takes, without a word against it', async () => {
    await using house = new House();
    await house.startCoordinator('127.0.0.1:0', ['--metrics', '127.0.0.1:0']);
    const { metricsUrl } = JSON.parse(house.coordinatorSaid.split('\n')[0]!) as { metricsUrl: string };
    const host = await house.addHost('laptop-a');
    await host.must('init', '--coordinator', house.url, '--name', 'laptop-a');
    const response = await fetch(metricsUrl);
    const own = await response.text();
    match(own, /^godwit_hosts 1$/m);
    const file = join(directory, 'godwit.prom');
    const written = await host.run(['metrics', '--write', file]);
    equal(written.exitCode, 0, written.stderr);
    const ofHost = readFileSync(file, 'utf8');
    match(ofHost, /^godwit_agent_up 1$/m);
    equal((await host.run(['metrics'])).stdout, ofHost);
    for (const text of [own.replace(/^(# (HELP|TYPE) )?(nodejs|process)_.*\n/gm, ''), ofHost]) {
      const { code, said } = await checkMetrics(text);
      equal(code, 0, said);
      equal(said, '');
    }
    await host.stopAgent();
    match((await host.run(['metrics'])).stdout, /^godwit_agent_up 0$/m);
  });
});
