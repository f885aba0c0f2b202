import { Link } from 'react-router';
import { useRead } from '../api/read.ts';
import { Door } from '../sign-in/door.tsx';
import { signInWithPasskey } from '../sign-in/passkey.ts';
import { useEntry } from '../sign-in/use-entry.ts';

/** Sign in with a passkey. Whoever has none yet goes on with a one-time code. */
export function Component() {
  const { enter, busy, refusal } = useEntry();
  const ways = useRead('signInWays', {});
  return (
    <Door title="Sign in" refusal={refusal ?? ways.error ?? undefined}>
      <p className="quiet">For those who operate this coordinator. Desktops are opened on their own hosts, never here.</p>
      <button type="button" className="button button-main" disabled={busy} onClick={() => void enter(signInWithPasskey)}>
        {busy ? 'Waiting for the passkey…' : 'Sign in with a passkey'}
      </button>
      <p className="door-other">
        {ways.data?.anyOperator === false ? <strong>Nobody operates this coordinator yet. </strong> : null}
        <Link to="/enrol">I have a one-time code</Link>
      </p>
    </Door>
  );
}
