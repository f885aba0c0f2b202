import { once } from 'node:events';
import { connect, createServer, type AddressInfo, type Socket } from 'node:net';
import { parentPort, workerData } from 'node:worker_threads';
import type { LinkShape } from './links.ts';
import { Line } from './line.ts';

/** A shaped link's own thread: whatever the bench computes meanwhile, it keeps its times. */

export interface LinkWork {
  /** Where connections go on to: a port of this machine, or the path of a Unix socket. */
  readonly target: number | string;
  readonly shape: LinkShape;
}

interface Piece {
  readonly to: Socket;
  /** Null: the other side has said all. */
  readonly bytes: Buffer | null;
  readonly landed: () => void;
}

const { target, shape } = workerData as LinkWork;
const bytesPerMs = shape.bitsPerSecond / 8000;
const delayMs = shape.roundTripMs / 2;
/** As many bytes of one connection may be on their way at once as the link holds, twice: what TCP itself comes to. */
const windowBytes = Math.max(256 * 1024, Math.round(2 * bytesPerMs * shape.roundTripMs));
/** A millisecond's worth, so that turns are short. */
const pieceBytes = Math.min(64 * 1024, Math.max(4 * 1024, Math.round(bytesPerMs)));
/** Below this delay a timer, which knows whole milliseconds, would be most of the round trip. */
const fineDelayMs = 2;
const fineStepMs = 0.1;
const cell = new Int32Array(new SharedArrayBuffer(4));

const there = new Line<Piece>({ bytesPerMs, delayMs });
const back = new Line<Piece>({ bytesPerMs, delayMs });
let isAwake = false;
let connections = 0;

function look(): void {
  isAwake = false;
  for (const line of [there, back]) {
    for (const { to, bytes, landed } of line.arrived(performance.now())) {
      if (bytes === null) to.end();
      else if (to.writable) to.write(bytes, landed);
    }
  }
  wake();
}

/** Looks again when a line has something to do. */
function wake(): void {
  if (isAwake) return;
  const nextMs = Math.min(there.nextMs ?? Infinity, back.nextMs ?? Infinity);
  if (nextMs === Infinity) return;
  isAwake = true;
  const waitMs = nextMs - performance.now();
  if (waitMs <= 0) setImmediate(look);
  else if (delayMs >= fineDelayMs) setTimeout(look, waitMs);
  else if (waitMs > 2) setTimeout(look, waitMs - 1);
  // Sleeps without spinning, for so short that sockets are still looked after.
  else setImmediate(lookSoon, waitMs);
}

function lookSoon(waitMs: number): void {
  Atomics.wait(cell, 0, 0, Math.min(waitMs, fineStepMs));
  look();
}

function carry(from: Socket, to: Socket, line: Line<Piece>, connection: number): void {
  let underWayBytes = 0;
  from.on('data', (chunk: Buffer) => {
    for (let at = 0; at < chunk.length; at += pieceBytes) {
      const bytes = chunk.subarray(at, at + pieceBytes);
      const landed = (): void => {
        underWayBytes -= bytes.length;
        if (underWayBytes < windowBytes && from.isPaused()) from.resume();
      };
      underWayBytes += bytes.length;
      line.offer(connection, { to, bytes, landed }, bytes.length, performance.now());
    }
    if (underWayBytes >= windowBytes) from.pause();
    wake();
  });
  from.on('end', () => {
    line.offer(connection, { to, bytes: null, landed: () => undefined }, 0, performance.now());
    wake();
  });
  from.on('error', () => to.destroy()).on('close', () => from.errored !== null && to.destroy());
}

const server = createServer({ allowHalfOpen: true, pauseOnConnect: true, noDelay: true }, (near) => {
  const far = typeof target === 'number' ? connect({ port: target, host: '127.0.0.1', allowHalfOpen: true, noDelay: true }) : connect({ path: target, allowHalfOpen: true });
  connections += 1;
  carry(near, far, there, connections);
  carry(far, near, back, connections);
  near.pause();
  // Who calls may say nothing before its greeting was answered, which takes a round trip; here the kernel has answered at once.
  setTimeout(() => near.resume(), shape.roundTripMs);
});
server.listen(0, '127.0.0.1');
await once(server, 'listening');
parentPort!.postMessage((server.address() as AddressInfo).port);
