import { request as httpRequest, type ClientRequest, type IncomingMessage, type RequestOptions } from 'node:http';
import { request as httpsRequest } from 'node:https';
import { pipeline, Transform } from 'node:stream';
import { Fault } from '@godwit/base';

/** The shape in which `minio` takes a transport. */
export interface Transport {
  request(options: RequestOptions, onAnswer: (answer: IncomingMessage) => void): ClientRequest;
}

/** A page of a listing has 1,000 names: some 400 KiB. */
const answerBytesMax = 8 * 2 ** 20;
/** What `minio` takes for a passing trouble, and then leaves unread. */
const passing: ReadonlySet<number> = new Set([408, 429, 499, 500, 502, 503, 504, 520]);

/** What `minio` does not have by itself: an end to each request, answer included, after `deadlineMs`, and to what an answer may hold. */
export function boundedTransport(protocol: string, deadlineMs: number): Transport {
  const send = protocol === 'https:' ? httpsRequest : httpRequest;
  return {
    request(options, onAnswer) {
      const sent = send(options, (answer) => onAnswer(bounded(answer)));
      const timer = setTimeout(() => sent.destroy(new Fault('STORE_UNAVAILABLE', { found: `no whole answer within ${deadlineMs} ms` })), deadlineMs);
      sent.once('close', () => clearTimeout(timer));
      return sent;
    },
  };
}

function bounded(answer: IncomingMessage): IncomingMessage {
  if (passing.has(answer.statusCode ?? 0)) return answer.resume();
  let lengthBytes = 0;
  const counted = new Transform({
    transform(piece: Buffer, _encoding, done) {
      lengthBytes += piece.length;
      if (lengthBytes > answerBytesMax) done(new Fault('STORE_UNAVAILABLE', { expected: `an answer of at most ${answerBytesMax} bytes`, found: 'more' }));
      else done(null, piece);
    },
  });
  // Whoever reads `counted` hears of what goes wrong with either.
  pipeline(answer, counted, () => undefined);
  return Object.assign(counted, { statusCode: answer.statusCode, headers: answer.headers }) as unknown as IncomingMessage;
}
