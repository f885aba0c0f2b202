import { createHmac } from 'node:crypto';
import { once } from 'node:events';
import { createServer, type IncomingHttpHeaders, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { SMTPServer } from 'smtp-server';
import type { Message } from '../notify/message.ts';

/** Real receivers of what is told outside, in this process. */

export interface Post {
  readonly headers: IncomingHttpHeaders;
  readonly body: string;
  readonly message: Message;
}

export class WebhookReceiver implements AsyncDisposable {
  readonly #server: Server;
  readonly posts: Post[] = [];
  /** What it does with a post; 204 unless a test says otherwise. */
  answer = (response: ServerResponse): unknown => response.writeHead(204).end();
  #wake = (): void => undefined;

  private constructor(server: Server) {
    this.#server = server;
  }

  static async listen(): Promise<WebhookReceiver> {
    const server = createServer();
    const receiver = new WebhookReceiver(server);
    server.on('request', (request, response) => {
      let body = '';
      request.setEncoding('utf8').on('data', (piece: string) => (body += piece));
      request.on('end', () => {
        receiver.posts.push({ headers: request.headers, body, message: JSON.parse(body) as Message });
        receiver.answer(response);
        receiver.#wake();
      });
    });
    server.listen(0, '127.0.0.1');
    await once(server, 'listening');
    return receiver;
  }

  get url(): URL {
    return new URL(`http://127.0.0.1:${(this.#server.address() as AddressInfo).port}/hook?key=secret`);
  }

  /** Until it got so many in all. */
  async until(count: number): Promise<readonly Post[]> {
    while (this.posts.length < count) await new Promise<void>((resolve) => (this.#wake = resolve));
    return this.posts;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#server.close();
    this.#server.closeAllConnections();
    if (this.#server.listening) await once(this.#server, 'close');
  }
}

/** As a receiver of Standard Webhooks computes it. */
export function signatureOf({ headers, body }: Post, secret: Buffer): string {
  return `v1,${createHmac('sha256', secret).update(`${String(headers['webhook-id'])}.${String(headers['webhook-timestamp'])}.${body}`).digest('base64')}`;
}

export interface Mailed {
  readonly from: string;
  readonly to: readonly string[];
  readonly source: string;
}

export class Mailbox implements AsyncDisposable {
  readonly #server: SMTPServer;
  readonly mails: Mailed[] = [];
  /** Receivers that it takes no mail for. */
  readonly unknown = new Set<string>();
  /** Names and passwords that it was told. */
  readonly logins: string[] = [];
  #wake = (): void => undefined;

  private constructor(server: SMTPServer) {
    this.#server = server;
  }

  /** On this machine, without TLS. */
  static async listen(): Promise<Mailbox> {
    const server = new SMTPServer({
      disabledCommands: ['STARTTLS'], allowInsecureAuth: true, authOptional: true, disableReverseLookup: true, closeTimeout: 1,
      onAuth: ({ username = '', password = '' }, _session, done) => {
        mailbox.logins.push(`${username}:${password}`);
        done(password === 'right' ? null : new Error('no'), { user: username });
      },
      onRcptTo: ({ address }, _session, done) => done(mailbox.unknown.has(address) ? new Error('unknown') : null),
      onData: (stream, session, done) => {
        let source = '';
        stream.on('data', (piece: Buffer) => (source += piece.toString()));
        stream.on('end', () => {
          const { mailFrom, rcptTo } = session.envelope;
          mailbox.mails.push({ from: mailFrom === false ? '' : mailFrom.address, to: rcptTo.map(({ address }) => address), source });
          done();
          mailbox.#wake();
        });
      },
    });
    server.on('error', () => undefined);
    const mailbox = new Mailbox(server);
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    return mailbox;
  }

  get port(): number {
    return (this.#server.server.address() as AddressInfo).port;
  }

  /** Until there is one that says this. */
  async until(words: string): Promise<void> {
    while (!this.mails.some(({ source }) => source.includes(words))) await new Promise<void>((resolve) => (this.#wake = resolve));
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await new Promise<void>((resolve) => this.#server.close(() => resolve()));
  }
}
