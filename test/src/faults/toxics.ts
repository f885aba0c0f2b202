import type { IncomingHttpHeaders } from 'node:http';
import { routes, type Route, type RouteId } from '@godwit/wire';

/** What a network or a store can do to one request, and which requests there are to do it to. */

/** The API of the coordinator and the URLs of objects are one server; whoever cuts one off from a host leaves the other. */
export type Place = 'coordinator' | 'store';

export interface Passing {
  readonly method: string;
  readonly path: string;
  readonly headers: IncomingHttpHeaders;
  readonly place: Place;
  /** Undefined for a path that no route has. */
  readonly route: RouteId | undefined;
}

export type Toxic =
  /** Nothing: for whoever only wants to know when it comes. */
  | { readonly kind: 'pass' }
  /** Not passed on; the connection is reset. */
  | { readonly kind: 'reset' }
  /** Not passed on, and never answered: what a firewall does that drops packets on the way there. */
  | { readonly kind: 'silence' }
  /** Passed on and carried out; the answer is thrown away and the connection reset. */
  | { readonly kind: 'lost-answer' }
  /** Passed on and carried out, and never answered: packets are dropped on the way back. */
  | { readonly kind: 'swallowed-answer' }
  /** Sent twice, one after the other; the second answer is given back. */
  | { readonly kind: 'duplicate' }
  /** Passed on so much later; the answer is given back so much later again. */
  | { readonly kind: 'delay'; readonly requestMs: number; readonly answerMs: number }
  /** The answer trickles. */
  | { readonly kind: 'throttle'; readonly bytesPerSecond: number }
  /** Half of the body is passed on, then both connections are reset. */
  | { readonly kind: 'half-request' }
  /** Half of the answer's body is given back, then the connection is reset. */
  | { readonly kind: 'half-answer' }
  /** Half of the answer's body, with headers that say that this is all. */
  | { readonly kind: 'short-answer' }
  /** Answered here, without asking anybody. */
  | { readonly kind: 'answer'; readonly status: number; readonly headers?: Readonly<Record<string, string>>; readonly body: string | Buffer };

/** Judges each request as it comes; undefined lets it pass. */
export type Rule = (passing: Passing) => Toxic | undefined;

const patterns = (Object.entries(routes) as [RouteId, Route][]).map(([id, { method, path }]) => ({
  id,
  method,
  pattern: new RegExp(`^${path.replace(/:\w+/g, '[^/]+').replace(/\*\w+/, '.+')}$`),
}));

export function passingOf(method: string, url: string, headers: IncomingHttpHeaders): Passing {
  const path = url.split('?')[0] ?? '';
  const route = patterns.find((known) => known.method === method && known.pattern.test(path))?.id;
  return { method, path: url, headers, place: path.startsWith('/objects/') ? 'store' : 'coordinator', route };
}

const errorDocument = '<?xml version="1.0" encoding="UTF-8"?><Error><Code>InternalError</Code><Message>We encountered an internal error. Please try again.</Message></Error>';

/** How stores fail with a status, and the one that fails without. */
export const failedAnswers = {
  'answers 500': { kind: 'answer', status: 500, body: errorDocument },
  'answers 503': { kind: 'answer', status: 503, headers: { 'retry-after': '1' }, body: errorDocument },
  'answers 429': { kind: 'answer', status: 429, headers: { 'retry-after': '1' }, body: errorDocument },
  'answers 200 with an error body': { kind: 'answer', status: 200, headers: { 'content-type': 'application/xml' }, body: errorDocument },
} as const satisfies Record<string, Toxic>;
