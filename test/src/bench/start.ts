/**
 * `npm run bench:start -- [--runs N]`: how long one short command takes, `godwit status` on an enrolled host with one desktop, from the start
 * of its process to its end: without kept code, the first time that code is kept, and every later time.
 */
import { mkdirSync, mkdtempSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { House, TestHost } from '../house/house.ts';

const { values } = parseArgs({ options: { runs: { type: 'string', default: '20' } } });
const runs = Number(values.runs);
if (!Number.isInteger(runs) || runs < 1) throw new Error('--runs takes a number from 1');

async function milliseconds(host: TestHost): Promise<number> {
  const startedMs = performance.now();
  const { exitCode, stderr } = await host.run(['status']);
  if (exitCode !== 0) throw new Error(stderr);
  return performance.now() - startedMs;
}

function told(name: string, all: readonly number[]): string {
  const sorted = all.toSorted((a, b) => a - b);
  const [least, median, most] = [sorted[0]!, sorted[sorted.length >> 1]!, sorted.at(-1)!].map(Math.round);
  return `${name}: median ${median} ms, ${least} to ${most} ms of ${all.length}`;
}

const folder = mkdtempSync('/tmp/godwit-start-');
await using house = new House();
try {
  await house.startCoordinator();
  const { name, home } = await enrolled(house);
  const asking = (environment: NodeJS.ProcessEnv): TestHost => new TestHost(name, home, environment);
  const [without, first, later]: [number[], number[], number[]] = [[], [], []];
  // In turn, so that whatever else the machine does falls on all three.
  for (let run = 0; run < runs; run += 1) {
    const kept = join(folder, String(run));
    mkdirSync(kept);
    without.push(await milliseconds(asking({ NODE_DISABLE_COMPILE_CACHE: '1' })));
    first.push(await milliseconds(asking({ NODE_COMPILE_CACHE: kept })));
    later.push(await milliseconds(asking({ NODE_COMPILE_CACHE: kept })));
  }
  process.stdout.write(`${[told('without kept code', without), told('the first time', first), told('every later time', later)].join('\n')}\n`);
} finally {
  rmSync(folder, { recursive: true });
}

async function enrolled(within: House): Promise<TestHost> {
  const host = await within.addHost('laptop-a');
  await host.must('init', '--coordinator', within.url, '--name', host.name);
  await host.must('create', 'work', '--disk', '1M', '--memory', '256M', '--cpus', '1');
  return host;
}
