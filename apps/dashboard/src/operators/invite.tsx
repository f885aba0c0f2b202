import { useState } from 'react';
import { roles, type Role } from '@godwit/wire/operators';
import { useAct } from '../api/act.tsx';
import type { Answer } from '../api/call.ts';
import { Dialog } from '../parts/dialog.tsx';
import { Time } from '../parts/figures.tsx';
import { Refused } from '../parts/refused.tsx';
import { roleMeanings } from '../words/roles.ts';

/** A one-time code for a new operator, or for another passkey of one. It is shown once. */
export function Invite({ onClose }: { readonly onClose: () => void }) {
  const invite = useAct('inviteOperator', ['listOperators']);
  const [name, setName] = useState('');
  const [role, setRole] = useState<Role>('viewer');
  const [made, setMade] = useState<Answer<'inviteOperator'> | undefined>();
  if (made !== undefined) return <Made name={name} invite={made} onClose={onClose} />;
  return (
    <Dialog title="Invite an operator" onClose={onClose}>
      <form
        className="door-form"
        onSubmit={(event) => {
          event.preventDefault();
          void invite.act({ body: { name: name.trim(), role } }).then(setMade);
        }}
      >
        <label className="field">
          <span>Name</span>
          <input required maxLength={64} value={name} onChange={(event) => setName(event.target.value)} autoComplete="off" autoFocus />
        </label>
        <label className="field">
          <span>Role</span>
          <select value={role} onChange={(event) => setRole(roles.find((each) => each === event.target.value) ?? 'viewer')}>
            {roles.map((each) => (
              <option key={each}>{each}</option>
            ))}
          </select>
        </label>
        <p className="quiet">{roleMeanings[role]} The name of somebody who operates already, with their role, makes a code for another passkey of theirs.</p>
        <Refused refusal={invite.refusal} />
        <div className="buttons">
          <button type="submit" className="button button-main" disabled={invite.busy}>
            Make a code
          </button>
        </div>
      </form>
    </Dialog>
  );
}

function Made({ name, invite: { code, expiresMs }, onClose }: { readonly name: string; readonly invite: Answer<'inviteOperator'>; readonly onClose: () => void }) {
  return (
    <Dialog title={`A code for ${name}`} onClose={onClose}>
      <p>Tell it to {name} by a way that nobody else reads. It is shown only now, and is good once.</p>
      <p className="made-code">
        <code>{code}</code>
      </p>
      <p>
        They open <code>{`${location.origin}/dashboard/enrol`}</code> and type it there. It ends <Time ms={expiresMs} />
      </p>
    </Dialog>
  );
}
