import { parseArgs } from 'node:util';
import { Fault, systemClock, systemRandom } from '@godwit/base';
import { cryptoReady } from '@godwit/crypto';
import { Bucket } from './bucket.ts';
import { smallestPolicy } from './policy.ts';
import { s3SettingsOf, s3Usage, secondBucketOf, secondPrefix, trustOwnAuthority, type S3Settings } from './s3-settings.ts';
import { checkStore, type Checked } from './store-check.ts';

/** `godwit-coordinator store check`: whether a bucket does all that Godwit needs. */

export const storeUsage = `usage: godwit-coordinator store check [--replica] [--policy] [--json]

  Looks at the bucket that these name in the environment, in names of its own below the prefix, which it removes
  again. Exit code 0: it does all that Godwit needs; 1: something is missing, and what to do about it is said.

${s3Usage}
  --replica     look at the second bucket, of the names with REPLICA_
  --policy      print only the smallest policy that the keys need, without asking the bucket
  --json        print everything as JSON
`;

export interface Said {
  readonly text: string;
  readonly exitCode: number;
}

/** What is to be printed. Throws COORDINATOR_OPTIONS. */
export async function storeCommand(words: readonly string[], environment: NodeJS.ProcessEnv): Promise<Said> {
  const { positionals, values } = parse(words);
  if (values.help === true) return { text: storeUsage, exitCode: 0 };
  if (positionals.length !== 1 || positionals[0] !== 'check') throw new Fault('COORDINATOR_OPTIONS', { subject: 'store', expected: 'check', found: positionals.join(' '), hint: 'see `godwit-coordinator store --help`' });
  const settings = values.replica === true ? secondBucketOf(environment) : s3SettingsOf(environment);
  if (settings === undefined) throw new Fault('COORDINATOR_OPTIONS', { subject: values.replica === true ? `${secondPrefix}S3_BUCKET` : 'S3_BUCKET', expected: 'a bucket to look at', found: 'none', hint: 'set it and its keys: see `godwit-coordinator store --help`' });
  const policy = smallestPolicy(settings);
  if (values.policy === true) return { text: `${JSON.stringify(policy, undefined, 2)}\n`, exitCode: 0 };
  trustOwnAuthority(environment);
  await cryptoReady();
  const checked = await checkStore(new Bucket(settings, systemClock), systemClock, systemRandom);
  const fit = checked.every(({ good, needed }) => good || !needed);
  const text = values.json === true ? `${JSON.stringify({ bucket: settings.bucket, endpoint: settings.endpoint.origin, prefix: settings.prefix, fit, checks: checked, policy })}\n` : tell(settings, checked, fit, policy);
  return { text, exitCode: fit ? 0 : 1 };
}

function tell({ bucket, endpoint, prefix }: S3Settings, checked: readonly Checked[], fit: boolean, policy: unknown): string {
  const lines = checked.flatMap(({ name, title, needed, good, found, hint }) => [
    `  ${good ? 'ok     ' : needed ? 'MISSING' : 'worse  '}  ${name.padEnd(9)}  ${title}: ${found}`,
    ...(good || hint === undefined ? [] : [`${' '.repeat(22)}-> ${hint}`]),
  ]);
  const verdict = fit ? 'it does all that Godwit needs' : 'it does NOT do what Godwit needs';
  const allowed = fit ? [] : ['', 'The smallest policy for its keys (also: --policy):', JSON.stringify(policy, undefined, 2)];
  return [`bucket ${bucket} at ${endpoint.origin}, below ${prefix === '' ? 'its root' : prefix}`, ...lines, `verdict: ${verdict}`, ...allowed, ''].join('\n');
}

function parse(words: readonly string[]) {
  try {
    return parseArgs({ args: [...words], allowPositionals: true, options: { replica: { type: 'boolean' }, policy: { type: 'boolean' }, json: { type: 'boolean' }, help: { type: 'boolean', short: 'h' } } });
  } catch (error) {
    throw new Fault('COORDINATOR_OPTIONS', { found: error instanceof Error ? error.message : 'something else', hint: 'see `godwit-coordinator store --help`' });
  }
}
