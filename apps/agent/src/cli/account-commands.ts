import { hostname } from 'node:os';
import { Fault } from '@godwit/base';
import { exitCodes } from './exit-code.ts';
import { agrees, askFirst, losing, type Losing, type Shell } from './shell.ts';
import { readSecrets } from './secret-input.ts';

/** The commands about the account, its hosts and their keys. Words and passphrases are typed or piped: arguments and environment are for all to see. */

interface Common {
  readonly json?: boolean;
}

interface Enrol extends Common {
  readonly coordinator: string;
  readonly name: string;
  readonly passphrase?: boolean;
}

interface Join extends Enrol {
  readonly account?: string;
}

interface Approve extends Common {
  readonly yes?: boolean;
  readonly refuse?: boolean;
}

const coordinatorOption = ['--coordinator <url>', 'the coordinator to use', process.env['GODWIT_COORDINATOR'] ?? 'http://127.0.0.1:7420'] as const;
const passphraseOption = ['--passphrase', 'ask for a passphrase that seals the keys of this host; it is asked again after each start of the agent'] as const;

export function accountCommands({ add, ask, fail }: Shell): void {
  const typed = async (options: Common, work: () => Promise<unknown>): Promise<void> => {
    try {
      await work();
    } catch (error) {
      fail(error, options);
    }
  };
  const enrolling = (usage: string, description: string) => add(usage, description).option(...coordinatorOption).option('--name <host>', 'how this host is called', hostName()).option(...passphraseOption);
  enrolling('init', 'make a new account with this machine as its first host').action((options: Enrol) => typed(options, async () => ask('init', { ...placeOf(options), passphrase: await newPassphrase(options) }, options)));
  enrolling('join', 'add this machine to an account you have')
    .option('--account <fingerprint>', 'join that account and no other; without it you are asked to compare')
    .action((options: Join) => typed(options, () => join(ask, options)));
  enrolling('recover', 'make this machine a host of your account with the 24 recovery words alone, asked for or read from stdin').action((options: Enrol) =>
    typed(options, async () => {
      const [words = '', passphrase] = await readSecrets(options.passphrase === true ? [wordsWanted, passphraseWanted] : [wordsWanted]);
      await ask('recover', { ...placeOf(options), words, passphrase: passphrase ?? null }, options);
    }),
  );
  add('unlock', 'give the passphrase of this host, asked for or read from stdin').action((options: Common) =>
    typed(options, async () => {
      const [passphrase = ''] = await readSecrets([passphraseWanted]);
      await ask('unlock', { passphrase }, options);
    }),
  );
  add('approve <word...>', 'let the machine that shows these words into the account')
    .option('--yes', 'do it without asking')
    .option('--refuse', 'tell the machine that it is not let in')
    .action((words: string[], options: Approve) => typed(options, () => approve(ask, words.join(' '), options)));
  add('hosts', 'the hosts of the account').action((options: Common) => typed(options, () => ask('hosts', {}, options)));
  losing(add('revoke <host>', 'end the trust in a host, by its name or id: it gets no key that is made from then on'))
    .action((host: string, options: Losing) => askFirst(options, async (confirmed) => ask('revoke', { host, confirmed }, options)));
  add('rekey <name>', 'put the keys of a desktop under the newest account key')
    .option('--full', 'also read all of its newest checkpoint and write it again under the newest key')
    .action((name: string, options: Common & { full?: boolean }) => typed(options, () => ask('rekey', { name, full: options.full === true }, options)));
}

/** At a terminal nothing is saved before the person has compared the account's fingerprint with what the other machine shows: an account that somebody made up would get all that this machine saves. */
async function join(ask: Shell['ask'], options: Join): Promise<void> {
  const wish = { ...placeOf(options), passphrase: await newPassphrase(options), account: options.account ?? null };
  if (options.account !== undefined || !atTerminal(options)) {
    await ask('join', { ...wish, confirmed: true }, options);
    return;
  }
  const approved = await ask('join', { ...wish, confirmed: false }, options);
  if (approved === undefined) return;
  if (await agrees('Does the host that approved show the same?')) await ask('join', { ...wish, confirmed: true }, options);
  else throw new Fault('ACCOUNT_OTHER', { found: approved.fingerprint });
}

async function approve(ask: Shell['ask'], code: string, options: Approve): Promise<void> {
  if (options.refuse === true || options.yes === true) {
    await ask('approve', { code, decision: options.refuse === true ? 'refuse' : 'approve' }, options);
    return;
  }
  if ((await ask('approve', { code, decision: 'look' }, options)) === undefined) return;
  if (atTerminal(options)) await ask('approve', { code, decision: (await agrees('Let it in?')) ? 'approve' : 'refuse' }, options);
  else process.exitCode = exitCodes.failed;
}

function atTerminal({ json }: Common): boolean {
  return process.stdin.isTTY && process.stdout.isTTY && json !== true;
}

const wordsOfRecovery = 24;
const wordsWanted = { prompt: `The ${wordsOfRecovery} recovery words (they are not shown): `, isWhole: (text: string) => text.trim().split(/\s+/).length >= wordsOfRecovery };
const passphraseWanted = { prompt: 'Passphrase: ', isWhole: () => true };

async function newPassphrase({ passphrase }: Enrol): Promise<string | null> {
  if (passphrase !== true) return null;
  if (!process.stdin.isTTY) return (await readSecrets([passphraseWanted]))[0] ?? '';
  const [first = '', again] = await readSecrets([passphraseWanted, { prompt: 'The same again: ', isWhole: () => true }]);
  if (first !== again) throw new Fault('ARGUMENT_INVALID', { subject: 'passphrase', expected: 'the same twice' });
  return first;
}

function placeOf({ coordinator, name }: Enrol): { coordinator: string; hostName: string } {
  return { coordinator, hostName: name };
}

function hostName(): string {
  const name = hostname().replace(/[^A-Za-z0-9._-]/g, '-').slice(0, 63);
  return /^[A-Za-z0-9]/.test(name) ? name : 'host';
}

