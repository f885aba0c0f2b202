import { useState } from 'react';
import { Link, useSearchParams } from 'react-router';
import { Door } from '../sign-in/door.tsx';
import { makePasskey } from '../sign-in/passkey.ts';
import { useEntry } from '../sign-in/use-entry.ts';

/** The first admin, and whoever was invited: a one-time code becomes a passkey. */
export function Component() {
  const [search] = useSearchParams();
  const { enter, busy, refusal } = useEntry(search);
  const [code, setCode] = useState('');
  const [name, setName] = useState('');
  return (
    <Door title="Make a passkey" refusal={refusal}>
      <p className="quiet">With the one-time code that the coordinator printed, or that an admin gave you. It is good once and for a day.</p>
      <form
        className="door-form"
        onSubmit={(event) => {
          event.preventDefault();
          void enter(() => makePasskey(code, name));
        }}
      >
        <label className="field">
          <span>One-time code</span>
          <input className="code" required value={code} onChange={(event) => setCode(event.target.value)} maxLength={24} pattern="[A-Za-z0-9\-]+" autoComplete="one-time-code" autoCapitalize="characters" spellCheck={false} placeholder="ABCD-EFGH-JKLM-NPQR" autoFocus />
        </label>
        <label className="field">
          <span>Your name, as others will see it</span>
          <input required value={name} onChange={(event) => setName(event.target.value)} maxLength={64} autoComplete="username" />
        </label>
        <button type="submit" className="button button-main" disabled={busy}>
          {busy ? 'Waiting for the passkey…' : 'Make a passkey'}
        </button>
      </form>
      <p className="door-other">
        <Link to="/sign-in">Sign in instead</Link>
      </p>
    </Door>
  );
}
