import type { Connection } from '../live/connection.ts';
import { roughText } from '../words/figures.ts';

/** The state of the connection in words: `Live`, `Data as of 12 s ago · connecting`. Pure. */
export function stateText(connection: Connection, nowMs: number): string {
  switch (connection.is) {
    case 'off':
    case 'signed-out':
      return 'Signed out';
    case 'live':
      return 'Live';
    case 'connecting':
      return connection.asOfMs === null ? 'Connecting' : `Data as of ${roughText(nowMs - connection.asOfMs)} ago · connecting`;
    case 'waiting': {
      const again = `trying again in ${roughText(connection.untilMs - nowMs + 999)}`;
      return connection.asOfMs === null ? `Not connected · ${again}` : `Data as of ${roughText(nowMs - connection.asOfMs)} ago · ${again}`;
    }
  }
}

/** The same without its seconds, for screen readers: it is spoken when it changes. */
export function spokenText({ is }: Connection): string {
  if (is === 'live') return 'Live';
  if (is === 'waiting') return 'Connection lost. What is shown may be old.';
  return is === 'connecting' ? '' : 'Signed out';
}
