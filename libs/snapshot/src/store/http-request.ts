import { Agent as HttpAgent, request as httpRequest, type ClientRequest, type IncomingMessage } from 'node:http';
import { Agent as HttpsAgent, request as httpsRequest } from 'node:https';
import { Fault, giveBack } from '@godwit/base';

export interface Request {
  readonly url: string;
  readonly method: 'PUT' | 'GET';
  readonly headers: Readonly<Record<string, string>>;
  readonly body?: Uint8Array;
  /** How the body goes out; all at once unless told. */
  readonly flow?: BodyFlow;
}

export interface BodyFlow {
  readonly pieceBytes: number;
  /** Waits until so many bytes, at most `pieceBytes`, may be written. */
  readonly pass: (lengthBytes: number) => Promise<void>;
  /** So many bytes have left this process. */
  readonly onSent: (lengthBytes: number) => void;
}

export interface Answer {
  readonly status: number;
  readonly body: Buffer;
  /** Of the whole object, when the answer says it (`Content-Range`). */
  readonly totalBytes?: number;
  readonly retryAfterMs?: number;
}

/** Bodies of errors are read to the end up to this, so that the connection can be used again. */
const errorBodyBytesMax = 64 * 1024;
/** More than the requests under way at once; a kept connection saves a round trip, with TLS three. */
const keptConnections = 16;
const agents = { 'http:': new HttpAgent({ keepAlive: true, maxFreeSockets: keptConnections }), 'https:': new HttpsAgent({ keepAlive: true, maxFreeSockets: keptConnections }) };

/**
 * One request over kept-alive connections; an answer of any status is an answer, redirects too: they are not followed, because they would
 * carry the object, or the request for it, to a place that nobody signed. Throws STORE_UNAVAILABLE for a body of a good answer beyond `bytesMax`,
 * and whatever Node throws for a connection that breaks or is cut. node:http and not fetch: a page fault waits for this, and
 * fetch's streams cost more than the rest of it.
 */
export async function request(asked: Request, bytesMax: number, signal: AbortSignal): Promise<Answer> {
  const response = await send(asked, signal);
  const status = response.statusCode ?? 0;
  const body = await readBody(response, status >= 200 && status < 300 ? Math.max(bytesMax, errorBodyBytesMax) : errorBodyBytesMax);
  const total = /^bytes (?:\d+-\d+|\*)\/(\d+)$/.exec(response.headers['content-range'] ?? '')?.[1];
  const retryAfter = /^\d{1,5}$/.exec(response.headers['retry-after'] ?? '')?.[0];
  return {
    status,
    body,
    ...(total === undefined ? {} : { totalBytes: Number(total) }),
    ...(retryAfter === undefined ? {} : { retryAfterMs: Number(retryAfter) * 1000 }),
  };
}

function send({ url, method, headers, body, flow }: Request, signal: AbortSignal): Promise<IncomingMessage> {
  return new Promise((resolve, reject) => {
    const target = new URL(url);
    const options = { method, headers: body === undefined ? headers : { ...headers, 'content-length': body.length }, signal };
    let sent: ClientRequest;
    if (target.protocol === 'https:') sent = httpsRequest(target, { ...options, agent: agents['https:'] });
    else if (target.protocol === 'http:') sent = httpRequest(target, { ...options, agent: agents['http:'] });
    else throw new Fault('STORE_UNAVAILABLE', { expected: 'a URL of http or https', found: target.protocol });
    sent.once('response', resolve);
    // A store that answers before it has everything may hang up on the rest: the answer counts, and no error after it.
    sent.on('error', reject);
    if (body === undefined || flow === undefined) sent.end(body);
    else void writePieces(sent, body, flow);
  });
}

/** Never rejects: what goes wrong with `sent` is told by its own event. */
async function writePieces(sent: ClientRequest, body: Uint8Array, { pieceBytes, pass, onSent }: BodyFlow): Promise<void> {
  // One that is destroyed before it had a connection calls back to nobody.
  const closed = new Promise<boolean>((resolve) => sent.once('close', () => resolve(false)));
  for (let offset = 0; offset < body.length; offset += pieceBytes) {
    const piece = body.subarray(offset, offset + pieceBytes);
    await pass(piece.length);
    const written = await Promise.race([closed, new Promise<boolean>((resolve) => sent.write(piece, (error) => resolve(!error)))]);
    if (!written) return;
    onSent(piece.length);
  }
  sent.end();
}

async function readBody(response: IncomingMessage, bytesMax: number): Promise<Buffer> {
  const text = response.headers['content-length'];
  const announced = text === undefined ? undefined : Number(text);
  if (announced !== undefined && announced > bytesMax) {
    response.destroy();
    throw new Fault('STORE_UNAVAILABLE', { expected: `an answer of at most ${bytesMax} bytes`, found: `${announced}` });
  }
  return announced === undefined ? await collect(response, bytesMax) : await fill(response, Buffer.allocUnsafeSlow(announced));
}

/** A body of known length goes where it will stay, piece by piece: pieces that wait for the last one would be as much again, and collected as garbage. */
async function fill(response: IncomingMessage, body: Buffer): Promise<Buffer> {
  let lengthBytes = 0;
  await eachPiece(response, (piece) => {
    // Node's parser gives no more than was announced.
    lengthBytes += piece.copy(body, lengthBytes);
    giveBack(piece);
  });
  if (lengthBytes !== body.length) throw new Error(`${lengthBytes} of ${body.length} bytes arrived`);
  return body;
}

async function collect(response: IncomingMessage, bytesMax: number): Promise<Buffer> {
  const pieces: Buffer[] = [];
  let lengthBytes = 0;
  await eachPiece(response, (piece) => {
    lengthBytes += piece.length;
    if (lengthBytes > bytesMax) throw new Fault('STORE_UNAVAILABLE', { expected: `an answer of at most ${bytesMax} bytes`, found: 'more' });
    pieces.push(piece);
  });
  return Buffer.concat(pieces, lengthBytes);
}

/** Resolves at the end of the answer; rejects when it breaks, or with what `take` throws, which ends it. */
function eachPiece(response: IncomingMessage, take: (piece: Buffer) => void): Promise<void> {
  return new Promise((resolve, reject) => {
    response.on('data', (piece: Buffer) => {
      try {
        take(piece);
      } catch (error) {
        response.destroy(error as Error);
      }
    });
    response.once('end', resolve);
    response.once('error', reject);
    response.once('close', () => reject(new Error('the answer ended before its end')));
  });
}
