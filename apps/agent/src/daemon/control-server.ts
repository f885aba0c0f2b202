import { once } from 'node:events';
import { existsSync, lstatSync, unlinkSync } from 'node:fs';
import { connect, createServer, type Server, type Socket } from 'node:net';
import { Fault, traceIdOf, type Log } from '@godwit/base';
import { controlCancel, controlCommands, controlRequest, type ControlArguments, type ControlCommand, type ControlProgress, type ControlReply, type ControlResult } from '@godwit/wire';
import { inSpan } from '@godwit/base/trace';
import { LineSplitter } from './control-line.ts';

/** Tells the caller how far its command is. */
export type Report = (progress: ControlProgress) => void;

/**
 * One function per command. What it throws reaches the CLI as a fault. `signal`: whoever gave the command calls it off. A command that can
 * still be undone is then undone and throws CANCELLED; any other goes on, and says so.
 */
export type ControlHandlers = {
  readonly [Command in ControlCommand]: (args: ControlArguments<Command>, report: Report, signal: AbortSignal) => Promise<ControlResult<Command>>;
};

/**
 * The agent's control socket, mode 0600: whoever may open it may act as this host, so it is only for the agent's user.
 * One command per connection. A CLI that goes away does not cancel what it began: a half suspend is worse than one nobody watches. Only a line that
 * says so does.
 */
export async function serveControl(path: string, handlers: ControlHandlers, log: Log): Promise<Server> {
  if (existsSync(path)) await removeStaleSocket(path);
  const server = createServer((socket) => serveConnection(socket, handlers, log));
  const listening = once(server, 'listening');
  // `listen` binds before it returns: the socket has its mode from its first moment, and nothing else is made under this mask.
  const mask = process.umask(0o177);
  try {
    server.listen(path);
  } finally {
    process.umask(mask);
  }
  await listening;
  return server;
}

/** Only a refused connection proves that nobody listens: one that is denied, or finds a full backlog, has met an agent that lives. */
async function removeStaleSocket(path: string): Promise<void> {
  const refusal = await new Promise<NodeJS.ErrnoException | undefined>((resolve) => {
    const probe = connect(path);
    probe.once('connect', () => {
      probe.destroy();
      resolve(undefined);
    });
    probe.once('error', resolve);
  });
  if (refusal?.code === 'EACCES') throw new Fault('AGENT_DENIED', { subject: path, cause: refusal });
  if (refusal?.code !== 'ECONNREFUSED') throw new Fault('AGENT_RUNS_ALREADY', { subject: path, cause: refusal });
  if (!lstatSync(path).isSocket()) throw new Fault('HOME_UNUSABLE', { subject: path, expected: 'a socket or nothing', found: 'something else' });
  unlinkSync(path);
}

function serveConnection(socket: Socket, handlers: ControlHandlers, log: Log): void {
  const lines = new LineSplitter();
  const cancel = new AbortController();
  let asked = false;
  const send = (reply: ControlReply): void => {
    if (socket.writable) socket.write(`${JSON.stringify(reply)}\n`);
  };
  const fail = (error: unknown): void => {
    const fault = Fault.from(error);
    if (fault.kind === 'internal') log.error('command-failed', { error: fault });
    send({ type: 'fault', fault: fault.toJSON() });
    socket.end();
  };
  const run = async (line: string): Promise<void> => {
    const result = await answer(line, handlers, (progress) => send({ type: 'progress', progress }), cancel.signal);
    send({ type: 'result', result });
    socket.end();
  };
  socket.on('error', (error) => log.debug('control-connection-lost', { error }));
  socket.on('data', (chunk: Buffer) => {
    try {
      for (const line of lines.push(chunk)) {
        if (asked && isCancel(line)) cancel.abort(new Fault('CANCELLED'));
        if (asked) continue;
        asked = true;
        run(line).catch(fail);
      }
    } catch (error) {
      // What comes after the request costs nobody the answer.
      if (!asked) fail(error);
      asked = true;
    }
  });
}

function isCancel(line: string): boolean {
  try {
    return controlCancel.safeParse(JSON.parse(line)).success;
  } catch {
    return false;
  }
}

async function answer(line: string, handlers: ControlHandlers, report: Report, signal: AbortSignal): Promise<unknown> {
  let request: { command: string; arguments?: unknown; trace?: string | undefined };
  try {
    request = controlRequest.parse(JSON.parse(line));
  } catch (error) {
    throw new Fault('CONTROL_REQUEST_INVALID', { cause: error });
  }
  const { command, trace } = request;
  if (!isCommand(command)) throw new Fault('CONTROL_REQUEST_INVALID', { expected: 'a command', found: command });
  const work = (): Promise<unknown> => dispatch(command, request.arguments, handlers, report, signal);
  return inSpan(`agent ${command}`, { kind: 'server', ...(traceIdOf(trace) === undefined ? {} : { parent: trace! }) }, work);
}

function isCommand(text: string): text is ControlCommand {
  return Object.hasOwn(controlCommands, text);
}

async function dispatch<Command extends ControlCommand>(command: Command, args: unknown, handlers: ControlHandlers, report: Report, signal: AbortSignal): Promise<unknown> {
  const parsed = controlCommands[command].arguments.safeParse(args);
  if (!parsed.success) {
    const [issue] = parsed.error.issues;
    throw new Fault('ARGUMENT_INVALID', { subject: issue?.path.join('.') ?? command, expected: issue?.message ?? 'valid arguments' });
  }
  return handlers[command](parsed.data as ControlArguments<Command>, report, signal);
}
