import { operatorRoutes, pathOf, type Route } from '@godwit/wire/operators';
import { misunderstood, refusalOf, unreachable } from './refusal.ts';

type Routes = typeof operatorRoutes;
/** What a page may ask: every route of the operators but the WebSocket. */
export type RouteName = { [Name in keyof Routes]: Routes[Name]['answer'] extends string ? never : Name }[keyof Routes];

/** The type of what a schema takes: ids are plain strings here, as they stand in a URL. */
type InputOf<Schema> = Schema extends { readonly _zod: { readonly input: infer Input } } ? Input : never;
type OutputOf<Schema> = Schema extends { readonly _zod: { readonly output: infer Output } } ? Output : never;
type Part<R, Name extends string> = R extends Readonly<Record<Name, infer Schema>> ? Readonly<Record<Name, InputOf<Schema>>> : unknown;

/** The parameters, query and body of one route. */
export type Ask<Name extends RouteName> = Part<Routes[Name], 'params'> & Partial<Part<Routes[Name], 'query'>> & Part<Routes[Name], 'body'>;
export type Answer<Name extends RouteName> = OutputOf<Routes[Name]['answer']>;

interface AnyAsk {
  readonly params?: Readonly<Record<string, string>>;
  readonly query?: Readonly<Record<string, string | undefined>>;
  readonly body?: unknown;
}

const patienceMs = 20_000;

/**
 * Asks the coordinator, and gives the answer only if it is what the route's schema says. Throws a Refusal: the coordinator's fault,
 * COORDINATOR_UNREACHABLE after 20 s or without a network, ANSWER_REFUSED.
 */
export async function call<Name extends RouteName>(name: Name, ask: Ask<Name>, signal?: AbortSignal): Promise<Answer<Name>> {
  const route: Route = operatorRoutes[name];
  const { params, query, body } = ask as AnyAsk;
  const limit = AbortSignal.timeout(patienceMs);
  const { status, ok, said } = await exchange(pathOf(route, params, query), {
    method: route.method,
    credentials: 'same-origin',
    cache: 'no-store',
    signal: signal === undefined ? limit : AbortSignal.any([signal, limit]),
    ...(body === undefined ? {} : { headers: { 'content-type': 'application/json' }, body: JSON.stringify(body) }),
  });
  if (!ok) throw refusalOf(status, said);
  if (typeof route.answer === 'string') throw misunderstood();
  const parsed = route.answer.safeParse(said);
  if (!parsed.success) throw misunderstood();
  return parsed.data as Answer<Name>;
}

async function exchange(path: string, init: RequestInit): Promise<{ status: number; ok: boolean; said: unknown }> {
  let response: Response;
  let text: string;
  try {
    response = await fetch(path, init);
    text = await response.text();
  } catch (error) {
    // Whoever asked has gone to another page: that is no refusal.
    if (error instanceof DOMException && error.name === 'AbortError') throw error;
    throw unreachable();
  }
  return { status: response.status, ok: response.ok, said: jsonOf(text) };
}

function jsonOf(text: string): unknown {
  try {
    return JSON.parse(text) as unknown;
  } catch {
    // Not JSON is not an answer of the coordinator: the schema refuses it.
    return undefined;
  }
}
