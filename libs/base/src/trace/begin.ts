import { context, propagation, trace } from '@opentelemetry/api';
import { AsyncLocalStorageContextManager } from '@opentelemetry/context-async-hooks';
import { W3CTraceContextPropagator } from '@opentelemetry/core';

/** A program as its traces name it. */
export interface TracedProgram {
  readonly name: string;
  readonly version: string;
}

/** How long the last spans may take to leave when a program ends, ms. */
const flushMs = 2_000;
const exportMs = flushMs;

/** Whether spans are sent anywhere: only if OTEL_EXPORTER_OTLP_ENDPOINT (or ..._TRACES_ENDPOINT) says where to. */
export function wantsTraces(environment: NodeJS.ProcessEnv): boolean {
  const named = [environment['OTEL_EXPORTER_OTLP_ENDPOINT'], environment['OTEL_EXPORTER_OTLP_TRACES_ENDPOINT']];
  return environment['OTEL_SDK_DISABLED'] !== 'true' && named.some((url) => url !== undefined && url !== '');
}

/**
 * Once in a process, before its first span. The ids of traces go on to whoever is asked in any case; spans are recorded and sent, by OTLP over HTTP, if
 * they are wanted. Resolves with what sends the last of them: it takes 2 s at the most and does not fail, a collector that is away costs nobody anything.
 */
export async function beginTraces({ name, version }: TracedProgram, environment: NodeJS.ProcessEnv): Promise<() => Promise<void>> {
  context.setGlobalContextManager(new AsyncLocalStorageContextManager().enable());
  propagation.setGlobalPropagator(new W3CTraceContextPropagator());
  if (!wantsTraces(environment)) return () => Promise.resolve();
  // Loaded by whoever sends spans alone.
  const [{ BatchSpanProcessor, TracerProvider }, { OTLPTraceExporter }, { defaultResource, detectResources, envDetector, resourceFromAttributes }] = await Promise.all([import('@opentelemetry/sdk-trace'), import('@opentelemetry/exporter-trace-otlp-http'), import('@opentelemetry/resources')]);
  const provider = new TracerProvider({
    resource: defaultResource().merge(resourceFromAttributes({ 'service.name': name, 'service.version': version })).merge(detectResources({ detectors: [envDetector] })),
    // Bounded: what a collector does not take is dropped.
    spanProcessors: [new BatchSpanProcessor({ exporter: new OTLPTraceExporter({ timeoutMillis: exportMs }), maxQueueSize: 2048, scheduledDelayMillis: 1_000, exportTimeoutMillis: exportMs })],
  });
  trace.setGlobalTracerProvider(provider);
  return async () => {
    let timer: NodeJS.Timeout | undefined;
    const late = new Promise<void>((resolve) => (timer = setTimeout(resolve, flushMs)));
    // Spans that could not be sent are gone, and nobody here can do anything about it.
    await Promise.race([provider.shutdown().catch(() => undefined), late]);
    clearTimeout(timer);
  };
}
