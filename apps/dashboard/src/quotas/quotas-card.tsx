import { useState } from 'react';
import type { AccountQuotas, QuotaName } from '@godwit/wire/operators';
import { useAct } from '../api/act.tsx';
import { useRead } from '../api/read.ts';
import { Card } from '../parts/card.tsx';
import { DialogButtons } from '../parts/dialog-buttons.tsx';
import { Dialog } from '../parts/dialog.tsx';
import { Refused } from '../parts/refused.tsx';
import { useMay } from '../shell/session.tsx';
import { ownOf, quotaText, quotaTitles, shareOf, typedOf } from './quota-words.ts';

const names = Object.keys(quotaTitles) as QuotaName[];

/** What an account may have and do, and how much of it is used. */
export function QuotasCard({ accountId }: { readonly accountId: string }) {
  const read = useRead('readQuotas', { params: { accountId } });
  const may = useMay('operator');
  const [open, setOpen] = useState(false);
  const change = (
    <button type="button" className="button" onClick={() => setOpen(true)}>
      Change the quotas
    </button>
  );
  return (
    <>
      <Card title="Quotas" aside={may && read.data !== undefined ? change : null} read={read}>
        {(quotas) => (
          <dl className="facts">
            {names.map((name) => [
              <dt key={name}>{quotaTitles[name]}</dt>,
              <dd key={`${name} value`}>
                {quotaText(quotas, name)} <meter min={0} max={1} high={0.9} optimum={0} value={shareOf(quotas.quotas, name)} aria-label={`${quotaTitles[name]}: share that is used`} />
              </dd>,
            ])}
          </dl>
        )}
      </Card>
      {open && read.data !== undefined ? <Change accountId={accountId} quotas={read.data} onClose={() => setOpen(false)} /> : null}
    </>
  );
}

function Change({ accountId, quotas, onClose }: { readonly accountId: string; readonly quotas: AccountQuotas; readonly onClose: () => void }) {
  const [typed, setTyped] = useState(() => typedOf(quotas.own));
  const { act, busy, refusal } = useAct('setQuotas', ['readQuotas']);
  const meant = ownOf(typed);
  const run = async (): Promise<void> => {
    if ('own' in meant && (await act({ params: { accountId }, body: meant.own })) !== undefined) onClose();
  };
  const field = (name: keyof typeof typed, label: string) => (
    <label className="field">
      <span>{label}</span>
      <input value={typed[name]} maxLength={24} autoComplete="off" onChange={({ target: { value } }) => setTyped({ ...typed, [name]: value })} />
    </label>
  );
  return (
    <Dialog title="What may this account have and do?" onClose={onClose}>
      <p>What it has already stays; what would be more is refused, with this as the reason. An empty field is what holds for every account.</p>
      <form
        onSubmit={(event) => {
          event.preventDefault();
          void run();
        }}
      >
        {field('desktops', 'Desktops')}
        {field('gibibytes', 'Gibibytes in the store, or none for no bound')}
        {field('movesPerHour', 'Moves an hour')}
        {'wrong' in meant ? <p role="alert">{meant.wrong}</p> : null}
        <Refused refusal={refusal} />
        <DialogButtons change="Give these quotas" disabled={busy || 'wrong' in meant} onClose={onClose} />
      </form>
    </Dialog>
  );
}
