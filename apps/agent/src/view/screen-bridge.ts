import { connect } from 'node:net';
import { pipeline } from 'node:stream';
import { createWebSocketStream, type WebSocket } from 'ws';
import type { Log } from '@godwit/base';

/** Held in either direction when the other side is slow; then nothing more is read. */
const heldBytesMax = 256 * 1024;

/** Carries bytes between a browser and the VNC server behind `path` until either ends, which ends the other. What they say to each other is theirs. */
export function bridge(viewer: WebSocket, path: string, log: Log): void {
  viewer.on('message', (_data, isBinary) => {
    if (!isBinary) viewer.close(1003, 'bytes alone');
  });
  const screen = connect(path);
  const browser = createWebSocketStream(viewer, { highWaterMark: heldBytesMax });
  const ended = (error: NodeJS.ErrnoException | null | undefined): void => {
    if (error !== null && error !== undefined) log.debug('view-screen-ended', { reason: error.message });
    screen.destroy();
    viewer.close(1000);
  };
  pipeline(screen, browser, ended);
  pipeline(browser, screen, ended);
}
