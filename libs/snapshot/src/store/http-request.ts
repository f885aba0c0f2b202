import { Fault } from '@godwit/base';

export interface Request {
  readonly url: string;
  readonly method: 'PUT' | 'GET';
  readonly headers: Readonly<Record<string, string>>;
  readonly body?: Uint8Array;
}

export interface Answer {
  readonly status: number;
  readonly body: Buffer;
  /** Of the whole object, when the answer says it (`Content-Range`). */
  readonly totalBytes?: number;
  readonly retryAfterMs?: number;
}

/** Collects a body of at most so many bytes. */
export type BodyReader = (response: Response) => Promise<Buffer>;

/** Bodies of errors are read to the end up to this, so that the connection can be used again. */
const errorBodyBytesMax = 64 * 1024;

/** A reader that refuses a body beyond `bytesMax` while it arrives (STORE_UNAVAILABLE), and one that is cut (an Error). */
export function boundedBody(bytesMax: number): BodyReader {
  return async (response) => {
    const most = response.ok ? Math.max(bytesMax, errorBodyBytesMax) : errorBodyBytesMax;
    const announced = response.headers.get('content-length');
    if (announced !== null && Number(announced) > most) {
      await response.body?.cancel();
      throw new Fault('STORE_UNAVAILABLE', { expected: `an answer of at most ${most} bytes`, found: announced });
    }
    const pieces: Uint8Array[] = [];
    let lengthBytes = 0;
    for await (const piece of response.body ?? []) {
      lengthBytes += piece.length;
      if (lengthBytes > most) throw new Fault('STORE_UNAVAILABLE', { expected: `an answer of at most ${most} bytes`, found: 'more' });
      pieces.push(piece);
    }
    if (announced !== null && lengthBytes !== Number(announced)) throw new Error(`${lengthBytes} of ${announced} bytes arrived`);
    return Buffer.concat(pieces, lengthBytes);
  };
}

/** One request over Node's kept-alive connections. Throws whatever `fetch` throws; an answer of any status is an answer. */
export async function request({ url, method, headers, body }: Request, read: BodyReader, signal: AbortSignal): Promise<Answer> {
  // A redirect would carry the object, or the request for it, to a place that nobody signed.
  const response = await fetch(url, { method, headers, signal, redirect: 'manual', ...(body === undefined ? {} : { body }) });
  const total = /^bytes (?:\d+-\d+|\*)\/(\d+)$/.exec(response.headers.get('content-range') ?? '')?.[1];
  const retryAfter = /^\d{1,5}$/.exec(response.headers.get('retry-after') ?? '')?.[0];
  return {
    status: response.status,
    body: await read(response),
    ...(total === undefined ? {} : { totalBytes: Number(total) }),
    ...(retryAfter === undefined ? {} : { retryAfterMs: Number(retryAfter) * 1000 }),
  };
}
