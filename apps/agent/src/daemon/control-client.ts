import { connect } from 'node:net';
import { Fault } from '@godwit/base';
import type { z } from 'zod';
import { type controlCancel, controlCommands, controlReply, type ControlArguments, type ControlCommand, type ControlResult } from '@godwit/wire';
import { LineSplitter } from './control-line.ts';
import type { Report } from './control-server.ts';

/** How whoever asked changes their mind. */
export interface SecondThoughts {
  /** Calls the command off: its answer then says what came of that. */
  readonly cancel: AbortSignal;
  /** Waits for no answer any more. */
  readonly leave: AbortSignal;
}

/** How a question goes: `trace` is the traceparent of whoever asks. */
export interface Asking extends Partial<SecondThoughts> {
  readonly trace?: string;
}

/** Asks the agent behind `path` and resolves with its result. Throws its fault, AGENT_UNREACHABLE, AGENT_LOST when it goes away half-way, or the reason of `leave`. */
export async function askAgent<Command extends ControlCommand>(path: string, command: Command, args: ControlArguments<Command>, report: Report, { trace, ...thoughts }: Asking = {}): Promise<ControlResult<Command>> {
  const result = await exchange(path, `${JSON.stringify({ command, arguments: args, trace })}\n`, report, thoughts);
  const parsed = controlCommands[command].result.safeParse(result);
  if (!parsed.success) throw new Fault('AGENT_LOST', { subject: path, found: 'an answer that cannot be read', cause: parsed.error });
  return parsed.data as ControlResult<Command>;
}

const cancelLine = `${JSON.stringify({ cancel: true } satisfies z.infer<typeof controlCancel>)}\n`;

function exchange(path: string, request: string, report: Report, { cancel, leave }: Partial<SecondThoughts>): Promise<unknown> {
  return new Promise((resolve, reject) => {
    const socket = connect(path);
    const lines = new LineSplitter();
    let connected = false;
    // Before it is connected, so that nothing can come ahead of it.
    socket.write(request);
    cancel?.addEventListener('abort', () => socket.writable && socket.write(cancelLine), { once: true });
    leave?.addEventListener(
      'abort',
      () => {
        reject(leave.reason as Error);
        socket.destroy();
      },
      { once: true },
    );
    socket.once('connect', () => (connected = true));
    socket.on('error', (error: NodeJS.ErrnoException) => {
      const code = connected ? 'AGENT_LOST' : error.code === 'EACCES' ? 'AGENT_DENIED' : 'AGENT_UNREACHABLE';
      reject(new Fault(code, { subject: path, cause: error }));
    });
    socket.on('close', () => reject(new Fault('AGENT_LOST', { subject: path })));
    socket.on('data', (chunk: Buffer) => {
      try {
        for (const line of lines.push(chunk)) {
          const reply = controlReply.parse(JSON.parse(line));
          if (reply.type === 'progress') report(reply.progress);
          else if (reply.type === 'result') resolve(reply.result);
          else reject(Fault.fromJSON(reply.fault));
        }
      } catch (error) {
        reject(error instanceof Fault ? error : new Fault('AGENT_LOST', { subject: path, found: 'an answer that cannot be read', cause: error }));
        socket.destroy();
      }
    });
  });
}
