export { beginTraces, wantsTraces, type TracedProgram } from './begin.ts';
export { activeTraceparent, inSpan, nameSpan, tracedLog, type SpanOptions } from './span.ts';
