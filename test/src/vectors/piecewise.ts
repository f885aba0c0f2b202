import { createServer, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { systemClock } from '@godwit/base';
import { signedUrlStore, type ObjectStore } from '@godwit/snapshot';

/** A store on this machine whose answers come in pieces, over HTTP as from any store. */
export interface PiecewiseStore {
  readonly store: ObjectStore;
  readonly objects: Map<string, Buffer>;
  /** Length of the next piece; at least 1. */
  nextPieceBytes: () => number;
  close(): Promise<void>;
}

export async function piecewiseStore(): Promise<PiecewiseStore> {
  const objects = new Map<string, Buffer>();
  const server = createServer({ noDelay: true }, (request, response) => {
    const body = objects.get((request.url ?? '').slice(1));
    if (body === undefined) response.writeHead(404).end();
    else void send(response, body, () => result.nextPieceBytes());
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const { port } = server.address() as AddressInfo;
  const store = signedUrlStore({
    clock: systemClock,
    mint: (_, wanted) => Promise.resolve(wanted.map(({ key }) => ({ key, url: `http://127.0.0.1:${port}/${key}`, expiresMs: systemClock.wallMs() + 60_000 }))),
  });
  const result: PiecewiseStore = {
    store,
    objects,
    nextPieceBytes: () => Infinity,
    close: async () => {
      server.closeAllConnections();
      await new Promise((resolve) => server.close(resolve));
    },
  };
  return result;
}

async function send(response: ServerResponse, body: Buffer, nextPieceBytes: () => number): Promise<void> {
  response.writeHead(200, { 'content-length': body.length });
  for (let at = 0; at < body.length; ) {
    const piece = body.subarray(at, at + nextPieceBytes());
    response.write(piece);
    at += piece.length;
    await new Promise((resolve) => setImmediate(resolve));
  }
  response.end();
}
