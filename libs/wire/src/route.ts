import type { z } from 'zod';
import type { FaultCode } from '@godwit/base';
import type { Role } from './operators/sign-in.ts';

/**
 * Who may call a route:
 * - `none`  anybody
 * - `self`  signed by a device key that is not enrolled yet: the one in the request, or in the join it asks about
 * - `host`  signed by a device that the account's chain holds now
 * - `url`   whoever has the signed URL, until it expires
 * - `visitor`  a page of the dashboard before anybody has signed in: from the coordinator's own origin, and counted by address
 * - `operator` a page with the session of an operator who has at least the route's `role`
 * - `ticket`   whoever has a one-time ticket from operatorTicket
 */
export type RouteAuth = 'none' | 'self' | 'host' | 'url' | 'visitor' | 'operator' | 'ticket';
export type RouteMethod = 'GET' | 'PUT' | 'POST' | 'HEAD';

/** What an answer holds where it is not JSON. */
export type RawAnswer = 'bytes' | 'text' | 'html' | 'websocket' | 'empty';

/** One thing a client can ask. Requests are strict (an unknown field is refused), answers are open (a newer coordinator may add fields). */
export interface Route {
  readonly method: RouteMethod;
  /** Segments with `:name` are parameters; a last segment `*name` takes the rest of the path. */
  readonly path: string;
  readonly auth: RouteAuth;
  /** With `auth: 'operator'`, and only there. */
  readonly role?: Role;
  readonly summary: string;
  readonly params?: z.ZodType;
  readonly query?: z.ZodType;
  readonly body?: z.ZodType | 'bytes';
  readonly status: number;
  readonly answer: z.ZodType | RawAnswer;
  /** The faults it may answer beside those that any route may: see `commonFaults`. */
  readonly faults: readonly FaultCode[];
}

type Shape<Value> = Value extends z.ZodType ? z.infer<Value> : undefined;

export type ParamsOf<R extends Route> = R extends { readonly params: infer P } ? Shape<P> : undefined;
export type QueryOf<R extends Route> = R extends { readonly query: infer Q } ? Shape<Q> : undefined;
export type BodyOf<R extends Route> = R extends { readonly body: infer B } ? Shape<B> : undefined;
export type AnswerOf<R extends Route> = R extends { readonly answer: infer A } ? Shape<A> : undefined;

/** The path of a route with its parameters and query filled in and encoded. Values are those the route's schemas accept. */
export function pathOf(route: Route, params: Readonly<Record<string, string>> = {}, query: Readonly<Record<string, string | undefined>> = {}): string {
  const path = route.path
    .split('/')
    .map((segment) => {
      if (segment.startsWith(':')) return encodeURIComponent(params[segment.slice(1)] ?? '');
      if (segment.startsWith('*')) return (params[segment.slice(1)] ?? '').split('/').map(encodeURIComponent).join('/');
      return segment;
    })
    .join('/');
  const pairs = Object.entries(query).flatMap(([name, value]) => (value === undefined ? [] : [`${encodeURIComponent(name)}=${encodeURIComponent(value)}`]));
  return pairs.length === 0 ? path : `${path}?${pairs.join('&')}`;
}
