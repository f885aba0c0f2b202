import type { Random } from './ports.ts';

/** W3C Trace Context, version 00: `00-TRACE-SPAN-FLAGS`. The trace's id is what a person finds in an error and looks for in the logs. */

const pattern = /^00-([0-9a-f]{32})-([0-9a-f]{16})-[0-9a-f]{2}$/;

/** Of a trace that begins here. Marked to be recorded: whoever on its way has somewhere to send spans does. */
export function newTraceparent(random: Random): string {
  // An id of zeros means none.
  return `00-${random(16).toString('hex').replace(/^0{32}$/, '1'.padStart(32, '0'))}-${random(8).toString('hex').replace(/^0{16}$/, '1'.padStart(16, '0'))}-01`;
}

/** The trace's id, 32 hexadecimal digits; undefined of anything that is no traceparent. */
export function traceIdOf(traceparent: unknown): string | undefined {
  const [, trace, span] = typeof traceparent === 'string' ? (pattern.exec(traceparent) ?? []) : [];
  return trace === undefined || /^0+$/.test(trace) || /^0+$/.test(span ?? '') ? undefined : trace;
}
