import { createHmac } from 'node:crypto';
import { once } from 'node:events';
import { request as plainRequest, type IncomingMessage } from 'node:http';
import { request as tlsRequest } from 'node:https';
import type { Clock } from '@godwit/base';
import { notTold, patienceMs, type Channel } from './channel.ts';
import type { Message } from './message.ts';
import type { WebhookSettings } from './notify-settings.ts';

/** Of an answer nothing is read but its status; so much of it is waited for before the connection is cut. */
const answerMaxBytes = 64 * 1024;

/** Posts messages as JSON to the operator's address, signed as the Standard Webhooks specification has it (1.0.0, "Signature scheme"). */
export class Webhook implements Channel {
  readonly name = 'webhook';
  readonly #settings: WebhookSettings;
  readonly #clock: Clock;
  readonly #limitMs: number;

  /** `limitMs`: on one message. */
  constructor(settings: WebhookSettings, clock: Clock, limitMs = patienceMs) {
    [this.#settings, this.#clock, this.#limitMs] = [settings, clock, limitMs];
  }

  async tell(message: Message, signal: AbortSignal): Promise<void> {
    const body = JSON.stringify(message);
    const limit = AbortSignal.timeout(this.#limitMs);
    let status: number;
    try {
      status = await post(this.#settings.url, this.#headers(message.id, body), body, AbortSignal.any([signal, limit]));
    } catch (error) {
      throw notTold(this.name, limit.aborted ? `no answer within ${this.#limitMs / 1000} s` : (error as NodeJS.ErrnoException).code ?? 'an error', error);
    }
    // One that leads elsewhere is none: the operator named this address.
    if (status < 200 || status > 299) throw notTold(this.name, `status ${status}`);
  }

  #headers(id: string, body: string): Record<string, string> {
    const seconds = Math.floor(this.#clock.wallMs() / 1000);
    const headers = { 'content-type': 'application/json', 'content-length': `${Buffer.byteLength(body)}`, 'user-agent': 'godwit-coordinator', 'webhook-id': id, 'webhook-timestamp': `${seconds}` };
    const { secret } = this.#settings;
    if (secret === undefined) return headers;
    return { ...headers, 'webhook-signature': `v1,${createHmac('sha256', secret).update(`${id}.${seconds}.${body}`).digest('base64')}` };
  }
}

/** On a connection of its own: one that was kept may have been closed at the other end by the time of the next message. Follows no redirect. */
async function post(url: URL, headers: Record<string, string>, body: string, signal: AbortSignal): Promise<number> {
  const request = (url.protocol === 'https:' ? tlsRequest : plainRequest)(url, { method: 'POST', headers, agent: false, signal });
  request.on('error', () => undefined);
  request.end(body);
  const [response] = (await once(request, 'response')) as [IncomingMessage];
  let lengthBytes = 0;
  for await (const piece of response as AsyncIterable<Buffer>) if ((lengthBytes += piece.length) > answerMaxBytes) break;
  return response.statusCode ?? 0;
}
