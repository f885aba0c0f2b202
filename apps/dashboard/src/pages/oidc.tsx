import { useEffect, useRef } from 'react';
import { Link } from 'react-router';
import { Door } from '../sign-in/door.tsx';
import { signInByProvider, wayBackKept } from '../sign-in/provider.ts';
import { useEntry } from '../sign-in/use-entry.ts';

/** Where the OpenID provider sends the browser back to. What it sent along is used once, and out of the address before anything else. */
export function Component() {
  const { enter, refusal } = useEntry(wayBackKept());
  const begun = useRef(false);
  useEffect(() => {
    if (begun.current) return;
    begun.current = true;
    const query = location.search.slice(1);
    history.replaceState(null, '', location.pathname);
    void enter(() => signInByProvider(query));
  });
  return (
    <Door title="Sign in" refusal={refusal}>
      {refusal === undefined ? <p role="status">Signing in…</p> : null}
      <p className="door-other">
        <Link to="/sign-in">Back to the sign-in page</Link>
      </p>
    </Door>
  );
}
