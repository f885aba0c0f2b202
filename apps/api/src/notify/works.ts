import type { Clock, Log, Random } from '@godwit/base';
import type { Database } from '../database/database.ts';
import { isOver } from '../jobs/upkeep.ts';
import type { Work } from '../jobs/work.ts';
import type { Metrics } from '../metrics/metrics.ts';
import type { OverviewService } from '../overview/overview.service.ts';
import type { Channel } from './channel.ts';
import type { NotifySettings } from './notify-settings.ts';
import { nextMessage, settle, type Sender } from './outbox.ts';
import { Webhook } from './webhook.ts';

/** The channels that the environment describes. */
export async function openChannels({ webhook, mail }: NotifySettings, { clock, log }: { readonly clock: Clock; readonly log: Log }): Promise<Channel[]> {
  const channels: Channel[] = [];
  if (webhook !== undefined) channels.push(new Webhook(webhook, clock));
  if (mail !== undefined) {
    // Loaded by whoever sends mails alone.
    const { Mail } = await import('./mail.ts');
    channels.push(new Mail(mail, log));
  }
  return channels;
}

interface Parts extends Sender {
  readonly db: Database;
  readonly overview: Pick<OverviewService, 'look'>;
  readonly metrics: Pick<Metrics, 'notified'>;
  readonly random: Random;
}

/** A job for each channel, so that one whose receiver is away holds up no other: look, write down what is to be told, tell it, write down that it was. */
export function tellWorks(channels: readonly Channel[], { db, overview, metrics, ...sender }: Parts): Record<string, Work> {
  const tell = (channel: Channel): Work => async (signal) => {
    const message = await nextMessage(db, channel.name, await overview.look(), sender);
    if (message === undefined || signal.aborted) return { told: 0 };
    try {
      await channel.tell(message, signal);
    } catch (error) {
      // Its coordinator ends: the next one tells it.
      if (isOver(signal)) return { told: 0 };
      metrics.notified(channel.name, 'failed');
      throw error;
    }
    metrics.notified(channel.name, 'told');
    await settle(db, channel.name, message);
    return { told: message.notices.length };
  };
  return Object.fromEntries(channels.map((channel) => [`tell-${channel.name}`, tell(channel)]));
}
