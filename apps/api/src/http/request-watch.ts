import type { IncomingMessage, RequestListener, ServerResponse } from 'node:http';
import { newTraceparent, traceIdOf, type Clock, type FaultCode, type HostId, type Log, type Random } from '@godwit/base';
import { inSpan, nameSpan } from '@godwit/base/trace';
import type { RouteId } from '@godwit/wire';
import type { Metrics } from '../metrics/metrics.ts';

/** What is known of a request when it is over: each part is written by whoever learns it. */
export interface RequestStory {
  route?: RouteId;
  hostId?: HostId;
  fault?: FaultCode;
}

const stories = new WeakMap<IncomingMessage, RequestStory>();

/** Of the request that is being answered. */
export function storyOf(request: IncomingMessage): RequestStory {
  const story = stories.get(request) ?? {};
  stories.set(request, story);
  return story;
}

export interface WatchParts {
  readonly metrics: Metrics;
  readonly clock: Clock;
  readonly random: Random;
  readonly log: Log;
}

/**
 * Has every request counted, and logged at level info, when its answer has left or its client is gone. What is done for it is a span of the trace that it
 * names, so each line of the log has its id; what a stranger names there is an id and no more.
 */
export function watchRequests(listener: RequestListener, { metrics, clock, random, log }: WatchParts): RequestListener {
  return (request, response) => {
    const startMs = clock.workMs();
    const { traceparent } = request.headers;
    const parent = typeof traceparent === 'string' && traceIdOf(traceparent) !== undefined ? traceparent : newTraceparent(random);
    void inSpan('request', { kind: 'server', parent }, async () => {
      const closed = new Promise<void>((resolve) => response.once('close', resolve));
      listener(request, response);
      await closed;
      over(request, response, clock.workMs() - startMs);
    });
  };

  function over(request: IncomingMessage, response: ServerResponse, lengthMs: number): void {
    const story = storyOf(request);
    // Of a client that went away before it was answered, as others write it.
    const status = response.writableFinished ? response.statusCode : 499;
    // The path alone: what follows it may be a permission.
    const [path = ''] = (request.url ?? '').split('?', 1);
    const route = story.route ?? nameOf(path);
    nameSpan(`${request.method ?? ''} ${route}`, { 'http.response.status_code': status, ...(story.fault === undefined ? {} : { 'godwit.fault': story.fault }) });
    metrics.request({ route, status, lengthSeconds: lengthMs / 1000, fault: story.fault });
    log.info('request', { method: request.method, path, route, status, lengthMs: Math.round(lengthMs * 10) / 10, host: story.hostId, fault: story.fault });
  }
}

/** What no handler of the route table answers. */
function nameOf(path: string): string {
  if (path.startsWith('/objects/')) return 'objects';
  return path.startsWith('/dashboard') ? 'dashboard' : 'none';
}
