import { createTransport, type SMTPTransportOptions } from 'nodemailer';
import type { Log } from '@godwit/base';
import { notTold, patienceMs, type Channel } from './channel.ts';
import { letterOf, type Message } from './message.ts';
import type { MailSettings } from './notify-settings.ts';

/** Sends messages as plain mails, each over a connection of its own. */
export class Mail implements Channel {
  readonly name = 'mail';
  readonly #settings: MailSettings;
  readonly #log: Log;
  readonly #limitMs: number;

  /** `limitMs`: on one message. */
  constructor(settings: MailSettings, log: Log, limitMs = patienceMs) {
    [this.#settings, this.#log, this.#limitMs] = [settings, log, limitMs];
  }

  async tell(message: Message, signal: AbortSignal): Promise<void> {
    const { host, port, tls, auth, from, to } = this.#settings;
    const options: SMTPTransportOptions = {
      host, port, secure: tls === 'at once', requireTLS: tls === 'required', ...(auth === undefined ? {} : { auth }),
      connectionTimeout: this.#limitMs, greetingTimeout: this.#limitMs, socketTimeout: this.#limitMs, dnsTimeout: this.#limitMs,
      disableFileAccess: true, disableUrlAccess: true,
    };
    const transport = createTransport(options);
    const limit = AbortSignal.timeout(this.#limitMs);
    try {
      const { rejected } = await transport.sendMail({
        ...letterOf(message), from: { name: 'Godwit', address: from }, to: [...to], messageId: `<${message.id}@${from.slice(from.lastIndexOf('@') + 1)}>`,
        headers: { 'Auto-Submitted': 'auto-generated' }, signal: AbortSignal.any([signal, limit]),
      });
      // The others have it: they would get it again.
      if (rejected.length > 0) this.#log.warn('notify.mail-refused', { recipients: rejected.length });
    } catch (error) {
      throw notTold(this.name, limit.aborted ? `no answer within ${this.#limitMs / 1000} s` : said(error), error);
    } finally {
      transport.close();
    }
  }
}

/** The kind of the error and the server's number, never its words. */
function said(error: unknown): string {
  const { code, responseCode } = error as { code?: unknown; responseCode?: unknown };
  return [typeof code === 'string' ? code : 'an error', ...(typeof responseCode === 'number' ? [`${responseCode}`] : [])].join(' ');
}
