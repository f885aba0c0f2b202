import type { IncomingMessage, ServerResponse } from 'node:http';
import { Catch, HttpException, Inject, type ArgumentsHost, type ExceptionFilter } from '@nestjs/common';
import type { Request, Response } from 'express';
import { Fault, type Log } from '@godwit/base';
import { problemMediaType, problemOf } from '@godwit/wire';
import { logToken } from '../tokens.ts';
import { storyOf } from './request-watch.ts';

/** Seconds after which a client that was told to come again may. */
const retryAfterSeconds = '1';

/** Every answer that is not a success leaves through here: a fault as a problem document, anything else as INTERNAL without its text. */
@Catch()
export class FaultFilter implements ExceptionFilter {
  readonly #log: Log;

  constructor(@Inject(logToken) log: Log) {
    this.#log = log;
  }

  catch(error: unknown, host: ArgumentsHost): void {
    const http = host.switchToHttp();
    answerError(this.#log, http.getRequest<Request>(), http.getResponse<Response>(), error);
  }
}

/** Says to the log what its reader has to know. */
export function answerError(log: Log, request: IncomingMessage, response: ServerResponse, error: unknown): void {
  const fault = faultFrom(error);
  const { method, url = '' } = request;
  // The path alone: what follows it may be a permission.
  const [path] = url.split('?', 1);
  if (fault.kind === 'internal') log.error('request.failed', { method, path, error });
  // A probe hears on purpose that it is about to stop.
  else if (fault.kind === 'unavailable' && fault.code !== 'COORDINATOR_STOPPING') log.warn('request.unavailable', { method, path, error: fault });
  answerFault(request, response, fault);
}

export function answerFault(request: IncomingMessage, response: ServerResponse, fault: Fault): void {
  storyOf(request).fault = fault.code;
  if (response.headersSent) {
    response.destroy();
    return;
  }
  const problem = problemOf(fault);
  if (problem.status === 503 || problem.status === 429) response.setHeader('Retry-After', retryAfterSeconds);
  // What is left of a body that nobody reads would be taken for the next request.
  if (!request.complete) response.setHeader('Connection', 'close');
  response.statusCode = problem.status;
  response.setHeader('Content-Type', problemMediaType);
  response.end(JSON.stringify(problem));
}

function faultFrom(error: unknown): Fault {
  if (error instanceof Fault) return error;
  const status = error instanceof HttpException ? error.getStatus() : (error as { status?: unknown } | null)?.status;
  if (status === 404) return new Fault('ROUTE_NOT_FOUND');
  // Express refuses a path it cannot decode, Node a request it cannot parse.
  if (status === 400) return new Fault('REQUEST_INVALID');
  return Fault.from(error);
}
