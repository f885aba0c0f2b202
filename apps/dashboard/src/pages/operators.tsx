import { useState } from 'react';
import { roles, type Operator, type Role } from '@godwit/wire/operators';
import { useAct } from '../api/act.tsx';
import { useRead } from '../api/read.ts';
import { Invite } from '../operators/invite.tsx';
import { Card, Empty } from '../parts/card.tsx';
import { Dialog } from '../parts/dialog.tsx';
import { Time } from '../parts/figures.tsx';
import { Refused } from '../parts/refused.tsx';
import { Table, type Column } from '../parts/table.tsx';
import { Page } from '../shell/page.tsx';
import { useMay, useSession } from '../shell/session.tsx';
import { plural } from '../words/figures.ts';
import { roleMeanings } from '../words/roles.ts';

type Open = { readonly is: 'invite' } | { readonly is: 'role' | 'remove'; readonly operator: Operator };

/** Who operates this coordinator; for admins. */
export function Component() {
  const admin = useMay('admin');
  const [open, setOpen] = useState<Open | undefined>();
  const close = (): void => setOpen(undefined);
  return (
    <Page
      title="Operators"
      lead="Who may see and act here. They operate the coordinator; they hold no key of any desktop."
      aside={
        admin ? (
          <button type="button" className="button button-main" onClick={() => setOpen({ is: 'invite' })}>
            Invite an operator
          </button>
        ) : undefined
      }
    >
      {admin ? <List open={setOpen} /> : <Empty title="This page is for admins">Your role sees everything else. An admin can give you another.</Empty>}
      <section className="card" aria-labelledby="roles">
        <h2 id="roles">What the roles may</h2>
        <dl className="facts">
          {roles.map((role) => (
            <div key={role} className="facts-row">
              <dt>{role}</dt>
              <dd>{roleMeanings[role]}</dd>
            </div>
          ))}
        </dl>
      </section>
      {open?.is === 'invite' ? <Invite onClose={close} /> : null}
      {open?.is === 'role' ? <ChangeRole operator={open.operator} onClose={close} /> : null}
      {open?.is === 'remove' ? <Remove operator={open.operator} onClose={close} /> : null}
    </Page>
  );
}

function List({ open }: { readonly open: (what: Open) => void }) {
  const read = useRead('listOperators', {});
  const { operator: own } = useSession();
  const columns: Column<Operator>[] = [
    { key: 'name', title: 'Name', cell: ({ name, operatorId }) => (operatorId === own.operatorId ? `${name} (you)` : name) },
    { key: 'role', title: 'Role', cell: ({ role }) => <span title={roleMeanings[role]}>{role}</span> },
    { key: 'by', title: 'Signs in by', cell: waysText },
    { key: 'seen', title: 'Last seen', cell: ({ lastSeenMs }) => <Time ms={lastSeenMs} short /> },
    { key: 'created', title: 'Since', wideOnly: true, cell: ({ createdMs }) => <Time ms={createdMs} /> },
    {
      key: 'acts',
      title: '',
      right: true,
      cell: (operator) => (
        <span className="row-acts">
          <button type="button" className="button" aria-label={`Change role of ${operator.name}`} onClick={() => open({ is: 'role', operator })}>
            Change role
          </button>
          <button type="button" className="button button-danger" aria-label={`Remove ${operator.name}`} onClick={() => open({ is: 'remove', operator })}>
            Remove
          </button>
        </span>
      ),
    },
  ];
  return (
    <Card title="Operators" read={read} lines={4} wide>
      {({ operators }) => <Table caption="Operators" columns={columns} rows={operators} keyOf={({ operatorId }) => operatorId} />}
    </Card>
  );
}

function waysText({ passkeys, oidc }: Operator): string {
  const by = passkeys === 0 && oidc ? [] : [plural(passkeys, 'passkey', 'passkeys')];
  return [...by, ...(oidc ? ['OpenID'] : [])].join(', ');
}

function ChangeRole({ operator, onClose }: { readonly operator: Operator; readonly onClose: () => void }) {
  const change = useAct('changeRole', ['listOperators', 'readSession']);
  const [role, setRole] = useState<Role>(operator.role);
  return (
    <Dialog title={`Role of ${operator.name}`} onClose={onClose}>
      <form
        className="door-form"
        onSubmit={(event) => {
          event.preventDefault();
          void change.act({ params: { operatorId: operator.operatorId }, body: { role } }).then((answer) => (answer === undefined ? undefined : onClose()));
        }}
      >
        <fieldset className="choices">
          <legend className="unseen">Role</legend>
          {roles.map((each) => (
            <label key={each}>
              <input type="radio" name="role" value={each} checked={each === role} onChange={() => setRole(each)} /> <strong>{each}</strong> <span className="quiet">{roleMeanings[each]}</span>
            </label>
          ))}
        </fieldset>
        {operator.oidc ? <p className="quiet">Viewer and operator are decided by the OpenID provider at each sign-in, so another of these two holds until then. Admin is decided here alone.</p> : null}
        <Refused refusal={change.refusal} />
        <div className="buttons">
          <button type="submit" className="button button-main" disabled={change.busy || role === operator.role}>
            Make {operator.name} {role}
          </button>
        </div>
      </form>
    </Dialog>
  );
}

function Remove({ operator, onClose }: { readonly operator: Operator; readonly onClose: () => void }) {
  const remove = useAct('removeOperator', ['listOperators', 'listSessions', 'readSession']);
  return (
    <Dialog title={`Remove ${operator.name}?`} onClose={onClose}>
      <p>Their passkeys and sessions here end at once, and do not come back. Desktops and hosts are not touched.</p>
      <Refused refusal={remove.refusal} />
      <div className="buttons">
        <button
          type="button"
          className="button button-danger"
          disabled={remove.busy}
          onClick={() => void remove.act({ params: { operatorId: operator.operatorId } }).then((answer) => (answer === undefined ? undefined : onClose()))}
        >
          Remove {operator.name}
        </button>
      </div>
    </Dialog>
  );
}
