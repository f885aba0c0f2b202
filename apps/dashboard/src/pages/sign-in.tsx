import { Link, useSearchParams } from 'react-router';
import { useRead } from '../api/read.ts';
import { Door } from '../sign-in/door.tsx';
import { signInWithPasskey } from '../sign-in/passkey.ts';
import { goToProvider } from '../sign-in/provider.ts';
import { useEntry } from '../sign-in/use-entry.ts';
import { wayBack } from '../sign-in/way-back.ts';

/** Sign in with a passkey, or with the OpenID provider where the coordinator has one. Whoever has none yet goes on with a one-time code. */
export function Component() {
  const [search] = useSearchParams();
  const { enter, busy, refusal } = useEntry(search);
  const ways = useRead('signInWays', {});
  return (
    <Door title="Sign in" refusal={refusal ?? ways.error ?? undefined}>
      <p className="quiet">For those who operate this coordinator. Desktops are opened on their own hosts, never here.</p>
      <button type="button" className="button button-main" disabled={busy} onClick={() => void enter(signInWithPasskey)}>
        {busy ? 'Waiting for the passkey…' : 'Sign in with a passkey'}
      </button>
      {ways.data === undefined || ways.data.oidc === null ? null : (
        <button type="button" className="button" disabled={busy} onClick={() => void enter(() => goToProvider(wayBack(search)))}>
          Sign in with {ways.data.oidc}
        </button>
      )}
      <p className="door-other">
        {ways.data?.anyOperator === false ? <strong>Nobody operates this coordinator yet. </strong> : null}
        <Link to="/enrol">I have a one-time code</Link>
      </p>
    </Door>
  );
}
