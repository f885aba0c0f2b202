import { Fault, type Clock, type Random } from '@godwit/base';
import { activeTraceparent, inSpan } from '@godwit/base/trace';
import { sha256, signRequest, type DeviceSecrets } from '@godwit/crypto';
import { faultOf, pathOf, routes, type AnswerOf, type BodyOf, type ParamsOf, type QueryOf, type Route, type RouteId, type Routes } from '@godwit/wire';
import type { z } from 'zod';

/** Longer than any answer of a coordinator that is well; a commit waits for a disk. */
const callMs = 15_000;
const answerBytesMax = 16 * 2 ** 20;

type Parts<R extends Route> = (ParamsOf<R> extends undefined ? unknown : { readonly params: ParamsOf<R> }) &
  (QueryOf<R> extends undefined ? unknown : { readonly query: QueryOf<R> }) &
  (BodyOf<R> extends undefined ? unknown : { readonly body: BodyOf<R> });

/** Whether a call that failed may have been carried out all the same: then its outcome is unknown, and only asking again tells. */
export class OutcomeUnknown extends Fault {}

/** Whether what was asked for may have happened: a lost answer, one that is none, or a coordinator that broke off in the middle. */
export function mayHaveHappened(error: unknown): boolean {
  if (error instanceof OutcomeUnknown || !(error instanceof Fault)) return true;
  if (error.code === 'COORDINATOR_ANSWER_REFUSED') return true;
  return error.code !== 'COORDINATOR_UNREACHABLE' && (error.kind === 'unavailable' || error.kind === 'internal');
}

/**
 * The coordinator as this host sees it: each route of the table, signed with the device key. Faults of the coordinator come
 * back as they are. COORDINATOR_UNREACHABLE: it did not get the request. An OutcomeUnknown with that code: it may have.
 */
export class Coordinator {
  readonly url: string;
  readonly #audience: string;
  readonly #device: DeviceSecrets;
  readonly #clock: Clock;
  readonly #random: Random;

  constructor(options: { url: string; audience: string; device: DeviceSecrets; clock: Clock; random: Random }) {
    this.url = options.url;
    this.#audience = options.audience;
    this.#device = options.device;
    this.#clock = options.clock;
    this.#random = options.random;
  }

  /** `timeoutMs`: for questions that are worth nothing when they are answered late. */
  call<Id extends RouteId>(id: Id, parts: Parts<Routes[Id]>, { timeoutMs = callMs }: { readonly timeoutMs?: number } = {}): Promise<AnswerOf<Routes[Id]>> {
    return inSpan(`ask ${id}`, { kind: 'client' }, () => this.#call(id, parts, timeoutMs));
  }

  async #call<Id extends RouteId>(id: Id, parts: Parts<Routes[Id]>, timeoutMs: number): Promise<AnswerOf<Routes[Id]>> {
    const route: Route = routes[id];
    const { params, query, body } = parts as { params?: Record<string, string>; query?: Record<string, string>; body?: unknown };
    const path = pathOf(route, params, query);
    const bytes = body === undefined ? undefined : Buffer.from(JSON.stringify(body));
    const trace = activeTraceparent();
    const attempt = (): Promise<Response> => {
      const headers = this.signedHeaders(route.method, path, bytes);
      return send(this.url, path, { method: route.method, headers: { ...headers, ...(trace === undefined ? {} : { traceparent: trace }), ...(bytes === undefined ? {} : { 'content-type': 'application/json' }) }, ...(bytes === undefined ? {} : { body: bytes }) }, timeoutMs);
    };
    const response = await attempt().catch((error: unknown) => {
      // A kept connection may have been closed by the other side just now. Looking twice changes nothing; doing twice might.
      if (route.method === 'GET' && brokeOff(error)) return attempt();
      throw error;
    });
    if (!response.ok) {
      const fault = faultOf(response.status, await readJson(response));
      // Each request is signed afresh: one that was seen before came twice, and what became of the first is not known.
      throw fault.code === 'REQUEST_REPLAYED' ? new OutcomeUnknown(fault.code, { subject: id, cause: fault }) : fault;
    }
    const parsed = (route.answer as z.ZodType).safeParse(await readJson(response));
    if (!parsed.success) throw new Fault('COORDINATOR_ANSWER_REFUSED', { subject: id, cause: parsed.error });
    return parsed.data as AnswerOf<Routes[Id]>;
  }

  /** The headers that make a request this host's; also for the upgrade of the event stream. */
  signedHeaders(method: string, path: string, body: Uint8Array = new Uint8Array()): Record<string, string> {
    return signRequest({ method, path, bodySha256: sha256(body), timeMs: this.#clock.wallMs(), audience: this.#audience }, this.#device, this.#random);
  }
}

/**
 * The name under which the coordinator at `url` wants requests signed, and the key of its audit log; asked once, when a host is
 * enrolled. Throws COORDINATOR_UNREACHABLE.
 */
export async function learnAudience(url: string): Promise<{ audience: string; logKey: string }> {
  const { healthz } = routes;
  const response = await send(url, healthz.path, { method: healthz.method });
  const parsed = healthz.answer.safeParse(response.ok ? await readJson(response) : undefined);
  if (!parsed.success) throw new Fault('COORDINATOR_ANSWER_REFUSED', { subject: url, expected: 'a Godwit coordinator' });
  return { audience: parsed.data.audience, logKey: parsed.data.logKey };
}

async function send(url: string, path: string, init: RequestInit, timeoutMs = callMs): Promise<Response> {
  try {
    return await fetch(new URL(path, url), { ...init, redirect: 'error', signal: AbortSignal.timeout(timeoutMs) });
  } catch (error) {
    const detail = { subject: url, cause: error };
    if (neverArrived(error)) throw new Fault('COORDINATOR_UNREACHABLE', detail);
    throw new OutcomeUnknown('COORDINATOR_UNREACHABLE', detail);
  }
}

/** What `fetch` hides in the cause of its TypeError; a time-out has none. */
function causeCodeOf(error: unknown): unknown {
  return error instanceof Error && error.cause instanceof Error && 'code' in error.cause ? error.cause.code : undefined;
}

/** Failures before a byte of the request was sent. */
function neverArrived(error: unknown): boolean {
  const code = causeCodeOf(error);
  return code === 'ECONNREFUSED' || code === 'ENOTFOUND' || code === 'EAI_AGAIN' || code === 'EHOSTUNREACH' || code === 'ENETUNREACH' || code === 'UND_ERR_CONNECT_TIMEOUT';
}

/** The connection ended before an answer came, without a time-out of ours. */
function brokeOff(error: unknown): boolean {
  return error instanceof OutcomeUnknown && causeCodeOf(error.cause) !== undefined;
}

async function readJson(response: Response): Promise<unknown> {
  const declared = Number(response.headers.get('content-length') ?? 0);
  if (declared > answerBytesMax) throw new Fault('COORDINATOR_ANSWER_REFUSED', { expected: `at most ${answerBytesMax} bytes`, found: `${declared}` });
  try {
    return await response.json();
  } catch (error) {
    if (error instanceof SyntaxError) return undefined;
    throw new OutcomeUnknown('COORDINATOR_UNREACHABLE', { cause: error });
  }
}
