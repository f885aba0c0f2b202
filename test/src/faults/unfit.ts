import { Fault } from '@godwit/base';
import { variant, type Happened, type RealFault } from './fault.ts';
import { preloaded } from './preload.ts';
import type { HostFault } from './preload-host.ts';
import type { Stage } from './stage.ts';
import { tableB } from './table-b.ts';

/** A host that cannot run the desktop says what is missing, and fetches nothing of it. */

const lacks: readonly { readonly says: string; readonly host: HostFault; readonly named: RegExp }[] = [
  { says: 'memory', host: { memoryKib: 300 * 1024 }, named: /memory 512 MiB.*300 MiB available/ },
  { says: 'disk', host: { diskBlocks: 1_000 }, named: /disk space \d+ MiB.*free/ },
  { says: 'QEMU version', host: { qemuMajor: 6 }, named: /QEMU version .* or newer/ },
  { says: 'CPU flags', host: { missingFlag: 'sse4.2' }, named: /CPU flags .*without sse4\.2/ },
];

async function resumeOnUnfit(stage: Stage, { says, host, named }: (typeof lacks)[number]): Promise<Happened> {
  await stage.free();
  const actor = stage.other();
  await actor.host.stopAgent();
  await actor.host.startAgent(preloaded('preload-host', host));
  const before = actor.proxy.passed.length;
  const violations: string[] = [];
  try {
    await actor.host.call('resume', { name: stage.desktop, eager: false, wait: false });
    violations.push(`it was resumed on a host without ${says}`);
  } catch (error) {
    const { code, message } = Fault.from(error);
    if (code !== 'HOST_UNFIT' || !named.test(message)) violations.push(`a host without ${says} was refused as ${code}: ${message}`);
  }
  const fetched = actor.proxy.passed.slice(before).filter(({ route }) => route === 'getObject').length;
  if (fetched > 0) violations.push(`${fetched} objects were read before the host was refused`);
  await actor.host.stopAgent();
  await actor.host.startAgent();
  return { ends: ['goes-on'], violations };
}

export const unfitFaults: readonly RealFault[] = [
  {
    name: 'unfit', row: tableB.unfit, does: `a host without what the desktop needs resumes it: ${lacks.map(({ says }) => says).join(', ')}`, quickRuns: 1, fullRuns: lacks.length,
    run: (stage, random, run, runs) => resumeOnUnfit(stage, variant(lacks, random, run, runs)),
  },
];
