import type { FileHandle } from 'node:fs/promises';
import { pipeline } from 'node:stream/promises';
import { Controller, Inject } from '@nestjs/common';
import type { Request, Response } from 'express';
import { Asked, Serve, type Call } from '../http/serve.ts';
import { ObjectsService } from './objects.service.ts';
import { parseRange } from './range.ts';
import { withinTime } from './transfer.ts';

/** A page fault's frame, or a few of them: one read and one write instead of a stream's many. */
const wholeReadBytesMax = 1024 * 1024;

/** Writes its own answers: bytes, not JSON. */
@Controller()
export class ObjectsController {
  readonly #objects: ObjectsService;

  constructor(@Inject(ObjectsService) objects: ObjectsService) {
    this.#objects = objects;
  }

  @Serve('mintUrls')
  mint(@Asked() { caller, params, body }: Call<'mintUrls'>): Promise<unknown> {
    return this.#objects.mint(caller, params.desktopId, body);
  }

  @Serve('putObject')
  async put(@Asked() { request, response }: Call<'putObject'>): Promise<void> {
    const created = await withinTime(request, () => this.#objects.put(request.originalUrl, announcedBytes(request), request));
    response.status(created ? 201 : 200).end();
  }

  // Before GET: Express would give HEAD to it.
  @Serve('headObject')
  async head(@Asked() { request, response }: Call<'headObject'>): Promise<void> {
    const { file, lengthBytes } = await this.#objects.open(request.originalUrl);
    await file.close();
    describe(response, lengthBytes);
    response.status(200).end();
  }

  @Serve('getObject')
  async get(@Asked() { request, response }: Call<'getObject'>): Promise<void> {
    const { file, lengthBytes } = await this.#objects.open(request.originalUrl);
    try {
      // For the answer to a range outside the object, which names its length (RFC 9110, section 14.4).
      response.setHeader('Content-Range', `bytes */${lengthBytes}`);
      const span = parseRange(request.headers.range, lengthBytes);
      response.removeHeader('Content-Range');
      const { first, last } = span ?? { first: 0, last: lengthBytes - 1 };
      describe(response, last - first + 1);
      if (span !== undefined) response.setHeader('Content-Range', `bytes ${first}-${last}/${lengthBytes}`);
      response.status(span === undefined ? 200 : 206);
      if (lengthBytes === 0) response.end();
      else if (last - first < wholeReadBytesMax) response.end(await readSpan(file, first, last));
      else await pipeline(file.createReadStream({ start: first, end: last, autoClose: false }), response);
    } catch (error) {
      // The client went away or the disk failed in the middle: the answer is short, and its length says so.
      if (!response.headersSent) throw error;
      response.destroy();
    } finally {
      await file.close();
    }
  }
}

/** Throws where the file is shorter: the answer is cut, as its length says. */
async function readSpan(file: FileHandle, first: number, last: number): Promise<Buffer> {
  const bytes = Buffer.allocUnsafe(last - first + 1);
  for (let offset = 0; offset < bytes.length; ) {
    const { bytesRead } = await file.read(bytes, offset, bytes.length - offset, first + offset);
    if (bytesRead === 0) throw new Error('the object is shorter than it was');
    offset += bytesRead;
  }
  return bytes;
}

function describe(response: Response, lengthBytes: number): void {
  response.setHeader('Content-Type', 'application/octet-stream');
  response.setHeader('Content-Length', lengthBytes);
  response.setHeader('Accept-Ranges', 'bytes');
  response.setHeader('Cache-Control', 'no-store');
}

function announcedBytes(request: Request): number | undefined {
  const text = request.headers['content-length'];
  return text === undefined || request.headers['transfer-encoding'] !== undefined ? undefined : Number(text);
}
