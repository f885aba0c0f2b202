import { useCallback, useRef, useState, type ReactNode } from 'react';
import { ConfirmProvider } from '../api/act.tsx';
import { asRefusal, type Refusal } from '../api/refusal.ts';
import { Dialog } from '../parts/dialog.tsx';
import { Refused } from '../parts/refused.tsx';
import { signInWithPasskey } from '../sign-in/passkey.ts';

/** Around the pages: what decides over others wants a sign-in of the last minutes, and asks for the passkey in place. */
export function Confirmed({ children }: { readonly children: ReactNode }) {
  const [open, setOpen] = useState(false);
  const [busy, setBusy] = useState(false);
  const [refusal, setRefusal] = useState<Refusal | undefined>();
  const answer = useRef<((given: boolean) => void) | undefined>(undefined);
  const confirm = useCallback(
    () =>
      new Promise<boolean>((resolve) => {
        answer.current = resolve;
        setRefusal(undefined);
        setOpen(true);
      }),
    [],
  );
  const end = (given: boolean): void => {
    setOpen(false);
    answer.current?.(given);
    answer.current = undefined;
  };
  const give = async (): Promise<void> => {
    setBusy(true);
    try {
      await signInWithPasskey();
      end(true);
    } catch (error) {
      setRefusal(asRefusal(error));
    } finally {
      setBusy(false);
    }
  };
  return (
    <ConfirmProvider confirm={confirm}>
      {children}
      {open ? (
        <Dialog title="Confirm that it is you" onClose={() => end(false)}>
          <p>This decides over others, and your sign-in is a while ago. Nothing has been done yet.</p>
          <Refused refusal={refusal} />
          <div className="buttons">
            <button type="button" className="button button-main" disabled={busy} onClick={() => void give()} autoFocus>
              {busy ? 'Waiting…' : 'Confirm with your passkey'}
            </button>
          </div>
        </Dialog>
      ) : null}
    </ConfirmProvider>
  );
}
