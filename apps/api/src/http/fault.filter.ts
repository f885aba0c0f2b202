import { Catch, HttpException, Inject, type ArgumentsHost, type ExceptionFilter } from '@nestjs/common';
import type { Request, Response } from 'express';
import { Fault, type Log } from '@godwit/base';
import { problemMediaType, problemOf } from '@godwit/wire';
import { logToken } from '../tokens.ts';

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
    const request = http.getRequest<Request>();
    const response = http.getResponse<Response>();
    const fault = faultFrom(error);
    if (fault.kind === 'internal') this.#log.error('request.failed', { method: request.method, path: request.path, error });
    else if (fault.kind === 'unavailable') this.#log.warn('request.unavailable', { method: request.method, path: request.path, error: fault });
    answerFault(request, response, fault);
  }
}

export function answerFault(request: Request, response: Response, fault: Fault): void {
  if (response.headersSent) {
    response.destroy();
    return;
  }
  const problem = problemOf(fault);
  if (problem.status === 503 || problem.status === 429) response.setHeader('Retry-After', retryAfterSeconds);
  // What is left of a body that nobody reads would be taken for the next request.
  if (!request.complete) response.setHeader('Connection', 'close');
  response.status(problem.status).setHeader('Content-Type', problemMediaType);
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
