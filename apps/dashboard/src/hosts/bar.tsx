import { useState } from 'react';
import { useMutation, useQueryClient } from '@tanstack/react-query';
import type { OperatorHost } from '@godwit/wire/operators';
import { call } from '../api/call.ts';
import { asRefusal } from '../api/refusal.ts';
import { Failed } from '../parts/card.tsx';
import { Dialog } from '../parts/dialog.tsx';
import { barText } from './host-words.ts';

/** Asks whether a host is really to be kept out, or let in again, and says what that means first. */
export function Bar({ host, barred, onClose }: { readonly host: OperatorHost; readonly barred: boolean; readonly onClose: () => void }) {
  const [reason, setReason] = useState('');
  const queries = useQueryClient();
  const act = useMutation({
    mutationFn: () => call('barHost', { params: { hostId: host.hostId }, body: { barred, reason } }),
    onSuccess: async () => {
      await Promise.all(['listAllHosts', 'readTrust', 'readOverview'].map((name) => queries.invalidateQueries({ queryKey: [name] })));
      onClose();
    },
  });
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
          act.mutate();
        }}
      >
        <label className="field">
          <span>Why; it stands in the events and other operators read it</span>
          <input value={reason} maxLength={128} required pattern="[ -~]+" title="letters, digits and signs of ASCII" autoComplete="off" onChange={(event) => setReason(event.target.value)} />
        </label>
        {act.error === null ? null : <Failed refusal={asRefusal(act.error)} />}
        <div className="buttons">
          <button type="submit" className={barred ? 'button button-danger' : 'button button-main'} disabled={act.isPending}>
            {barred ? `Bar ${host.name}` : `Let ${host.name} in`}
          </button>
          <button type="button" className="button" onClick={onClose}>
            Change nothing
          </button>
        </div>
      </form>
    </Dialog>
  );
}
