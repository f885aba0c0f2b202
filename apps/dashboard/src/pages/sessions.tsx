import { useState } from 'react';
import type { SessionRow } from '@godwit/wire/operators';
import { useAct } from '../api/act.tsx';
import { useRead } from '../api/read.ts';
import { browserText } from '../operators/browser-text.ts';
import { Card, Empty } from '../parts/card.tsx';
import { Dialog } from '../parts/dialog.tsx';
import { Time } from '../parts/figures.tsx';
import { Refused } from '../parts/refused.tsx';
import { Table, type Column } from '../parts/table.tsx';
import { useMay } from '../shell/session.tsx';
import { Page } from '../shell/page.tsx';

/** Where somebody is signed in: one's own sessions, for an admin those of all; each can be ended. */
export function Component() {
  const read = useRead('listSessions', {});
  const admin = useMay('admin');
  const [ending, setEnding] = useState<SessionRow | undefined>();
  const columns: Column<SessionRow>[] = [
    { key: 'who', title: 'Operator', cell: ({ operatorName, own }) => (own ? `${operatorName} (this browser)` : operatorName) },
    { key: 'agent', title: 'Browser', cell: ({ agent }) => <span title={agent}>{browserText(agent)}</span> },
    { key: 'started', title: 'Signed in', cell: ({ startedMs }) => <Time ms={startedMs} /> },
    { key: 'seen', title: 'Last seen', cell: ({ lastSeenMs }) => <Time ms={lastSeenMs} short /> },
    { key: 'expires', title: 'Ends by itself', wideOnly: true, cell: ({ expiresMs }) => <Time ms={expiresMs} short /> },
    {
      key: 'end',
      title: '',
      right: true,
      cell: (row) => (
        <button type="button" className="button button-danger" aria-label={`End the session of ${row.operatorName} in ${browserText(row.agent)}`} onClick={() => setEnding(row)}>
          End
        </button>
      ),
    },
  ];
  return (
    <Page title="Sessions" lead={admin ? 'Where operators are signed in. Ending a session takes effect at once, in every tab of it.' : 'Where you are signed in. Ending a session takes effect at once, in every tab of it.'}>
      <Card title="Signed in now" read={read} lines={4} wide>
        {({ sessions }) => (sessions.length === 0 ? <Empty title="Nobody is signed in" /> : <Table caption="Sessions" columns={columns} rows={sessions} keyOf={({ sessionId }) => sessionId} />)}
      </Card>
      {ending === undefined ? null : <EndSession session={ending} onClose={() => setEnding(undefined)} />}
    </Page>
  );
}

function EndSession({ session, onClose }: { readonly session: SessionRow; readonly onClose: () => void }) {
  const end = useAct('endSession', ['listSessions', 'readSession']);
  return (
    <Dialog title={`End the session of ${session.operatorName}?`} onClose={onClose}>
      <p>{session.own ? 'This is the session of this browser: you will be signed out.' : 'Whoever uses it is signed out at once. Their passkey stays; they may sign in again.'}</p>
      <Refused refusal={end.refusal} />
      <div className="buttons">
        <button
          type="button"
          className="button button-danger"
          disabled={end.busy}
          onClick={() => void end.act({ params: { sessionId: session.sessionId } }).then((answer) => (answer === undefined ? undefined : onClose()))}
        >
          End it
        </button>
      </div>
    </Dialog>
  );
}
