import { useState } from 'react';
import type { OperatorHost } from '@godwit/wire/operators';
import { useAct } from '../api/act.tsx';
import { DialogButtons } from '../parts/dialog-buttons.tsx';
import { Dialog } from '../parts/dialog.tsx';
import { Refused } from '../parts/refused.tsx';
import { barText } from './host-words.ts';

/** Asks whether a host is really to be kept out, or let in again, and says what that means first. */
export function Bar({ host, barred, onClose }: { readonly host: OperatorHost; readonly barred: boolean; readonly onClose: () => void }) {
  const [reason, setReason] = useState('');
  const { act, busy, refusal } = useAct('barHost', ['listAllHosts', 'readTrust', 'readOverview']);
  const run = async (): Promise<void> => {
    if ((await act({ params: { hostId: host.hostId }, body: { barred, reason } })) !== undefined) onClose();
  };
  return (
    <Dialog title={barred ? `Bar ${host.name}?` : `Let ${host.name} in again?`} onClose={onClose}>
      <ul className="consequences">
        {barText(host, barred).map((sentence) => (
          <li key={sentence}>{sentence}</li>
        ))}
      </ul>
      <form
        onSubmit={(event) => {
          event.preventDefault();
          void run();
        }}
      >
        <label className="field">
          <span>Why; it stands in the events, for other operators</span>
          <input value={reason} maxLength={128} required={barred} pattern="[ -~]+" title="letters, digits and signs of ASCII" autoComplete="off" onChange={(event) => setReason(event.target.value)} />
        </label>
        <Refused refusal={refusal} />
        <DialogButtons change={barred ? `Bar ${host.name}` : `Let ${host.name} in`} danger={barred} disabled={busy} onClose={onClose} />
      </form>
    </Dialog>
  );
}
