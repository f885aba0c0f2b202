import type { IncomingMessage } from 'node:http';
import type { NextFunction, Request, RequestHandler, Response } from 'express';
import { Fault } from '@godwit/base';
import { jsonDepthLimit, requestBodyLimitBytes } from '@godwit/wire';

/** Routes that take a body from anybody get less: see `unprovenPaths`. */
const unprovenLimitBytes = 64 * 1024;
/** Their callers are not known before the body is read. */
const unprovenPaths: ReadonlySet<string> = new Set(['/v1/accounts', '/v1/joins', '/v1/recovery']);
/** Pages send little. */
const operatorPaths = '/v1/operator/';
const bodyTimeLimitMs = 20_000;
/** Bodies being received at one moment, in bytes as announced: 64 of the largest. What goes beyond is told to come again. */
const inFlightLimitBytes = 64 * requestBodyLimitBytes;

/** A request whose body was received whole; signatures cover exactly these bytes. */
export interface WithBody {
  bodyBytes?: Buffer;
}

export function bodyBytesOf(request: Request): Buffer {
  return (request as Request & WithBody).bodyBytes ?? Buffer.alloc(0);
}

/** Receives bodies of everything but objects, which do not come by here. */
export function receiveBodies(): RequestHandler {
  let inFlightBytes = 0;
  return (request: Request & WithBody, _response: Response, next: NextFunction) => {
    if (!hasBody(request)) { next(); return; }
    const limitBytes = unprovenPaths.has(request.path) || request.path.startsWith(operatorPaths) ? unprovenLimitBytes : requestBodyLimitBytes;
    const reservedBytes = Math.min(announcedBytes(request) ?? limitBytes, limitBytes);
    if (inFlightBytes + reservedBytes > inFlightLimitBytes) { next(new Fault('RATE_LIMITED', { expected: 'fewer large requests at once' })); return; }
    inFlightBytes += reservedBytes;
    receive(request, limitBytes)
      .finally(() => (inFlightBytes -= reservedBytes))
      .then(
        (bytes) => {
          request.bodyBytes = bytes;
          next();
        },
        (error: unknown) => next(error),
      );
  };
}

function hasBody(request: IncomingMessage): boolean {
  return request.headers['transfer-encoding'] !== undefined || (announcedBytes(request) ?? 0) > 0;
}

function announcedBytes(request: IncomingMessage): number | undefined {
  const text = request.headers['content-length'];
  return text === undefined ? undefined : Number(text);
}

function receive(request: IncomingMessage, limitBytes: number): Promise<Buffer> {
  return new Promise((resolve, reject) => {
    const pieces: Buffer[] = [];
    let lengthBytes = 0;
    const stop = (fault: Fault): void => {
      clearTimeout(timer);
      request.removeAllListeners('data');
      request.pause();
      reject(fault);
    };
    const timer = setTimeout(() => stop(new Fault('REQUEST_TIMED_OUT', { expected: `the body within ${bodyTimeLimitMs} ms` })), bodyTimeLimitMs);
    if ((announcedBytes(request) ?? 0) > limitBytes) return stop(tooLarge(limitBytes));
    request.on('data', (piece: Buffer) => {
      lengthBytes += piece.length;
      if (lengthBytes > limitBytes) stop(tooLarge(limitBytes));
      else pieces.push(piece);
    });
    const broken = (): void => stop(new Fault('REQUEST_INVALID', { expected: 'the whole body', found: `${lengthBytes} bytes, then the end` }));
    request.once('end', () => {
      clearTimeout(timer);
      request.removeListener('close', broken);
      resolve(Buffer.concat(pieces, lengthBytes));
    });
    request.once('close', broken);
  });
}

function tooLarge(limitBytes: number): Fault {
  return new Fault('REQUEST_TOO_LARGE', { expected: `at most ${limitBytes} bytes` });
}

/** A JSON value nested at most {@link jsonDepthLimit} deep, else REQUEST_INVALID. Depth is counted before anything is parsed. */
export function parseJson(bytes: Buffer): unknown {
  if (deepest(bytes) > jsonDepthLimit) throw new Fault('REQUEST_INVALID', { expected: `JSON nested at most ${jsonDepthLimit} deep` });
  try {
    return JSON.parse(new TextDecoder('utf-8', { fatal: true }).decode(bytes)) as unknown;
  } catch {
    throw new Fault('REQUEST_INVALID', { expected: 'a body of JSON in UTF-8' });
  }
}

const [quote, backslash, openBrace, closeBrace, openBracket, closeBracket] = Buffer.from('"\\{}[]', 'latin1');

/** The deepest nesting outside strings; stops counting once it is over the limit. */
function deepest(bytes: Buffer): number {
  let depth = 0;
  let most = 0;
  let inString = false;
  for (let i = 0; i < bytes.length && most <= jsonDepthLimit; i += 1) {
    const byte = bytes[i];
    if (inString) {
      if (byte === backslash) i += 1;
      else if (byte === quote) inString = false;
    } else if (byte === quote) inString = true;
    else if (byte === openBrace || byte === openBracket) most = Math.max(most, (depth += 1));
    else if (byte === closeBrace || byte === closeBracket) depth -= 1;
  }
  return most;
}
