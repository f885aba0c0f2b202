import type { IncomingMessage, ServerResponse } from 'node:http';
import { Inject, Injectable, Optional } from '@nestjs/common';
import { Fault, type Log } from '@godwit/base';
import { AuditLog } from '../audit/audit-log.ts';
import { answerError } from '../http/fault.filter.ts';
import { logToken } from '../tokens.ts';
import { parseRange } from './range.ts';
import { sendSpan } from './send.ts';
import { ServedObjects } from './served-objects.ts';
import { withinTime } from './transfer.ts';

const prefix = '/objects/';

/**
 * PUT, GET and HEAD of objects, straight from Node's server: their permission is their URL, their bodies are bytes, page faults wait for them,
 * and the way through Express and Nest would cost more than the rest.
 */
@Injectable()
export class ObjectRequests {
  /** Undefined where objects lie in a bucket, which serves them itself. */
  readonly #objects: ServedObjects | undefined;
  readonly #auditLog: AuditLog;
  readonly #log: Log;

  constructor(@Optional() @Inject(ServedObjects) objects: ServedObjects | undefined, @Inject(AuditLog) auditLog: AuditLog, @Inject(logToken) log: Log) {
    this.#objects = objects;
    this.#auditLog = auditLog;
    this.#log = log;
  }

  /** False for what is not a request for an object; else it is, or will be, answered. */
  take(request: IncomingMessage, response: ServerResponse): boolean {
    const { url = '' } = request;
    if (!url.startsWith(prefix)) return false;
    response.setHeader('X-Content-Type-Options', 'nosniff');
    response.setHeader('Cache-Control', 'no-store');
    // A client that went away is noticed where its answer is sent; as an event nobody else would hear it.
    response.on('error', () => undefined);
    void this.#answer(request, response, url).catch((error: unknown) => answerError(this.#log, request, response, error));
    return true;
  }

  async #answer(request: IncomingMessage, response: ServerResponse, url: string): Promise<void> {
    this.#auditLog.requireServing();
    const objects = this.#objects;
    if (objects === undefined) throw new Fault('ROUTE_NOT_FOUND');
    if (request.method === 'PUT') await put(objects, request, response, url);
    else if (request.method === 'GET') await withinTime(response, () => get(objects, request, response, url));
    else if (request.method === 'HEAD') await objects.reading(url, ({ lengthBytes }) => Promise.resolve(void response.writeHead(200, headersOf(lengthBytes)).end()));
    else throw new Fault('ROUTE_NOT_FOUND');
  }
}

async function put(objects: ServedObjects, request: IncomingMessage, response: ServerResponse, url: string): Promise<void> {
  // Not destroyed by whoever stops reading: the answer that says why goes over the same connection.
  const body = request.iterator({ destroyOnReturn: false }) as AsyncIterable<Buffer>;
  const created = await withinTime(request, () => objects.put(url, announcedBytes(request), body));
  response.writeHead(created ? 201 : 200, { 'Content-Length': 0 }).end();
}

async function get(objects: ServedObjects, request: IncomingMessage, response: ServerResponse, url: string): Promise<void> {
  await objects.reading(url, async (file) => {
    const { lengthBytes } = file;
    // For the answer to a range outside the object, which names its length (RFC 9110, section 14.4).
    response.setHeader('Content-Range', `bytes */${lengthBytes}`);
    const span = parseRange(request.headers.range, lengthBytes);
    response.removeHeader('Content-Range');
    const { first, last } = span ?? { first: 0, last: lengthBytes - 1 };
    const headers = headersOf(last - first + 1);
    if (span === undefined) response.writeHead(200, headers);
    else response.writeHead(206, { ...headers, 'Content-Range': `bytes ${first}-${last}/${lengthBytes}` });
    if (lengthBytes === 0) response.end();
    else await sendSpan(response, file, { first, last });
  });
}

function headersOf(lengthBytes: number): Record<string, string | number> {
  return { 'Content-Type': 'application/octet-stream', 'Content-Length': lengthBytes, 'Accept-Ranges': 'bytes' };
}

function announcedBytes(request: IncomingMessage): number | undefined {
  const text = request.headers['content-length'];
  return text === undefined || request.headers['transfer-encoding'] !== undefined ? undefined : Number(text);
}
