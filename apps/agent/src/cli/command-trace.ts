import { newTraceparent, systemRandom } from '@godwit/base';
import { agentVersion } from '../account/host-report.ts';

/** Runs what a command asks as the beginning of a trace. Nothing of OpenTelemetry is loaded where no span is to be sent: a person waits for the command. */
export async function inCommand<Result>(command: string, work: (traceparent: string) => Promise<Result>): Promise<Result> {
  const parent = newTraceparent(systemRandom);
  // Whether spans are wanted is known exactly by beginTraces; without any such variable they are not.
  if (!Object.keys(process.env).some((name) => name.startsWith('OTEL_EXPORTER_OTLP_'))) return work(parent);
  const { activeTraceparent, beginTraces, inSpan } = await import('@godwit/base/trace');
  const end = await beginTraces({ name: 'godwit', version: agentVersion }, process.env);
  try {
    return await inSpan(`godwit ${command}`, { attributes: { 'godwit.command': command } }, () => work(activeTraceparent() ?? parent));
  } finally {
    // The answer is shown meanwhile; the process ends when the last span has left, or cannot.
    void end();
  }
}
