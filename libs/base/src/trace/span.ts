import { context, createContextKey, propagation, ROOT_CONTEXT, SpanKind, SpanStatusCode, trace, type Attributes, type Context } from '@opentelemetry/api';
import { Fault } from '../fault.ts';
import type { Log, LogFields } from '../log.ts';
import { traceIdOf } from '../traceparent.ts';

/** Spans by OpenTelemetry's API. Without an exporter (begin.ts) nothing is recorded, and the id of the trace is passed on and logged all the same. */

export interface SpanOptions {
  /** The traceparent of whoever asked; else it is part of what is under way here, or a trace of its own. */
  readonly parent?: string;
  /** `server`: what was asked from elsewhere. It is under way until it is answered: what it began that goes on belongs to it no more. */
  readonly kind?: 'internal' | 'server' | 'client';
  /** Never a name of a person's thing that is not in the log as well. */
  readonly attributes?: Attributes;
}

const kinds = { internal: SpanKind.INTERNAL, server: SpanKind.SERVER, client: SpanKind.CLIENT };

/** Whether what was asked is answered. A loop that a command began runs for days in that command's context, and its work is not the command's. */
interface Asked {
  over: boolean;
}

const askedKey = createContextKey('godwit.asked');

function underWay(): Context {
  const active = context.active();
  const asked = active.getValue(askedKey) as Asked | undefined;
  return asked?.over === true ? ROOT_CONTEXT : active;
}

/** Runs `work` as a span. Its fault ends the span as an error with the fault's code, and is passed on. */
export async function inSpan<Result>(name: string, { parent, kind = 'internal', attributes = {} }: SpanOptions, work: () => Promise<Result>): Promise<Result> {
  const asked: Asked | undefined = kind === 'server' ? { over: false } : undefined;
  const around = parent === undefined ? (asked === undefined ? underWay() : ROOT_CONTEXT) : propagation.extract(ROOT_CONTEXT, { traceparent: parent });
  const from = asked === undefined ? around : around.setValue(askedKey, asked);
  const span = trace.getTracer('godwit').startSpan(name, { kind: kinds[kind], attributes }, from);
  try {
    return await context.with(trace.setSpan(from, span), work);
  } catch (error) {
    const { code } = Fault.from(error);
    span.setAttribute('godwit.fault', code).setStatus({ code: SpanStatusCode.ERROR, message: code });
    throw error;
  } finally {
    if (asked !== undefined) asked.over = true;
    span.end();
  }
}

/** The span under way gets its name and more attributes when they are known: a server knows its route last. */
export function nameSpan(name: string, attributes: Attributes): void {
  trace.getActiveSpan()?.updateName(name).setAttributes(attributes);
}

/** What to send along with a question, so that it belongs to what is under way here; undefined where nothing is. */
export function activeTraceparent(): string | undefined {
  const carrier: { traceparent?: string } = {};
  propagation.inject(underWay(), carrier);
  return carrier.traceparent;
}

/** The same log with `trace` in each line that is written while a span is under way. */
export function tracedLog(log: Log): Log {
  const withTrace = (fields: LogFields | undefined): LogFields | undefined => {
    const id = traceIdOf(activeTraceparent());
    return id === undefined ? fields : { ...fields, trace: id };
  };
  return {
    debug: (event, fields) => log.debug(event, withTrace(fields)),
    info: (event, fields) => log.info(event, withTrace(fields)),
    warn: (event, fields) => log.warn(event, withTrace(fields)),
    error: (event, fields) => log.error(event, withTrace(fields)),
    with: (fields) => tracedLog(log.with(fields)),
  };
}
