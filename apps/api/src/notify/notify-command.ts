import { parseArgs } from 'node:util';
import { Fault, silentLog, systemClock, systemRandom } from '@godwit/base';
import { parsePublicOrigin } from '../operators/own-origin.ts';
import type { Channel } from './channel.ts';
import { messageOf, type Message } from './message.ts';
import { notifySettingsOf, notifyUsage } from './notify-settings.ts';
import { openChannels } from './works.ts';

/** `godwit-coordinator notify --test`: whether those who are told outside can be told. It needs no coordinator that runs. */

export const notifyCommandUsage = `usage: godwit-coordinator notify --test [--json]

  Sends one message to each receiver that these name in the environment, as a coordinator with the same environment does
  when something new needs a person. Exit code 0: each of them has taken it; 1: not, and why is said.

${notifyUsage}
  --test        send it
  --json        print one line of JSON for each receiver
`;

export interface Said {
  readonly text: string;
  readonly exitCode: number;
}

/** What is to be printed. Throws COORDINATOR_OPTIONS. */
export async function notifyCommand(words: readonly string[], environment: NodeJS.ProcessEnv): Promise<Said> {
  const { help, test, json } = parse(words);
  if (help === true) return { text: notifyCommandUsage, exitCode: 0 };
  if (test !== true) throw new Fault('COORDINATOR_OPTIONS', { subject: 'notify', expected: '--test', found: 'none', hint: 'see `godwit-coordinator notify --help`' });
  const channels = await openChannels(notifySettingsOf(environment), { clock: systemClock, log: silentLog });
  if (channels.length === 0) throw new Fault('COORDINATOR_OPTIONS', { subject: 'NOTIFY_WEBHOOK_URL', expected: 'somebody to tell, here or in NOTIFY_SMTP_URL', found: 'nobody', hint: 'see `godwit-coordinator notify --help`' });
  const coordinator = parsePublicOrigin(environment['GODWIT_COORDINATOR_ORIGIN'] ?? 'http://localhost');
  const message = messageOf({ type: 'test', id: systemRandom(16).toString('hex'), coordinator, timeMs: systemClock.wallMs(), notices: [] });
  const told = await Promise.all(channels.map((channel) => tryOne(channel, message)));
  return {
    text: told.map(({ channel, fault }) => (json === true ? `${JSON.stringify({ channel, told: fault === null, fault })}\n` : `${channel}: ${fault === null ? 'told' : `NOT told: ${fault.message} [${fault.code}]`}\n`)).join(''),
    exitCode: told.every(({ fault }) => fault === null) ? 0 : 1,
  };
}

async function tryOne(channel: Channel, message: Message): Promise<{ readonly channel: string; readonly fault: Fault | null }> {
  try {
    await channel.tell(message, new AbortController().signal);
    return { channel: channel.name, fault: null };
  } catch (error) {
    return { channel: channel.name, fault: Fault.from(error) };
  }
}

function parse(words: readonly string[]) {
  try {
    return parseArgs({ args: [...words], options: { test: { type: 'boolean' }, json: { type: 'boolean' }, help: { type: 'boolean', short: 'h' } } }).values;
  } catch (error) {
    throw new Fault('COORDINATOR_OPTIONS', { found: error instanceof Error ? error.message : 'something else', hint: 'see `godwit-coordinator notify --help`' });
  }
}
