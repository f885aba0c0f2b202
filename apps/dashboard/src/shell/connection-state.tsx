import type { Connection } from '../live/connection.ts';
import { useConnection, useNowMs } from '../live/live-context.tsx';
import { wallMs } from '../ports.ts';
import { spokenText, stateText } from './state-text.ts';

/** Whether what is shown is current: always in sight, and told to screen readers when it changes. */
export function ConnectionState() {
  const connection = useConnection();
  // Draws it again each second; the age of the last word is by the viewer's own clock.
  useNowMs();
  return (
    <div className={`connection connection-${toneOf(connection)}`}>
      <span className="badge-mark" aria-hidden="true" />
      <span aria-hidden="true">{stateText(connection, wallMs())}</span>
      <span role="status" className="unseen">
        {spokenText(connection)}
      </span>
    </div>
  );
}

const toneOf = ({ is }: Connection): 'good' | 'warn' | 'plain' => (is === 'live' ? 'good' : is === 'off' || is === 'signed-out' ? 'plain' : 'warn');
