import { once } from 'node:events';
import { connect, createServer, type AddressInfo, type Socket } from 'node:net';
import type { LinkShape } from './links.ts';
import { ShapedLink } from './shaped-link.ts';

/** What a shaped link really gives to plain sockets, beside what its name says. */
export interface LinkFigures {
  /** Of one byte there and one back, on a connection that stands. */
  readonly roundTripMs: number[];
  /** Each way, after the connection stands. */
  readonly upBytesPerMs: number[];
  readonly downBytesPerMs: number[];
}

export function noLinkFigures(): LinkFigures {
  return { roundTripMs: [], upBytesPerMs: [], downBytesPerMs: [] };
}

const pings = 15;
/** How long a transfer would take by the link's name. */
const transferMs = 1_000;

/** `runs` transfers each way. */
export async function measureLink(shape: LinkShape, runs: number): Promise<LinkFigures> {
  const transferBytes = Math.round((shape.bitsPerSecond / 8000) * transferMs);
  const figures = noLinkFigures();
  const server = createServer((socket) => serve(socket, transferBytes)).listen(0, '127.0.0.1');
  await once(server, 'listening');
  await using link = await ShapedLink.to((server.address() as AddressInfo).port, shape);
  const socket = connect({ port: link.port, host: '127.0.0.1', noDelay: true });
  try {
    await answered(socket, 'ping', 1);
    for (let ping = 0; ping < pings; ping += 1) figures.roundTripMs.push(await answered(socket, 'ping', 1));
    for (let run = 0; run < runs; run += 1) {
      // Less the round trip that the first byte, or the word that all came, takes beside the bytes themselves.
      const upMs = (await answered(socket, Buffer.concat([Buffer.from('take'), Buffer.alloc(transferBytes)]), 1)) - shape.roundTripMs;
      figures.upBytesPerMs.push(transferBytes / upMs);
      figures.downBytesPerMs.push(transferBytes / ((await answered(socket, 'give', transferBytes)) - shape.roundTripMs));
    }
    return figures;
  } finally {
    socket.destroy();
    server.close();
  }
}

/** Says `words` and waits for so many bytes; the ms from the one to the other. */
function answered(socket: Socket, words: string | Buffer, lengthBytes: number): Promise<number> {
  return new Promise((resolve, reject) => {
    const startedMs = performance.now();
    let cameBytes = 0;
    const count = (chunk: Buffer): void => {
      cameBytes += chunk.length;
      if (cameBytes < lengthBytes) return;
      socket.off('data', count).off('error', reject);
      resolve(performance.now() - startedMs);
    };
    socket.on('data', count).once('error', reject);
    socket.write(words);
  });
}

/** `ping` is answered with a byte, `give` with so many as a transfer has, `take` with a byte after so many. */
function serve(socket: Socket, transferBytes: number): void {
  let missingBytes = 0;
  socket.setNoDelay(true);
  socket.on('error', () => socket.destroy());
  socket.on('data', (chunk: Buffer) => {
    const word = missingBytes === 0 ? chunk.toString('latin1', 0, 4) : '';
    if (word === 'ping') socket.write('.');
    else if (word === 'give') socket.write(Buffer.alloc(transferBytes));
    else {
      missingBytes += (word === 'take' ? transferBytes + 4 : 0) - chunk.length;
      if (missingBytes === 0) socket.write('.');
    }
  });
}
