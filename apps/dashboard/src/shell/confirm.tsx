import { useCallback, useRef, useState, type ReactNode } from 'react';
import { ConfirmProvider } from '../api/act.tsx';
import { useRead } from '../api/read.ts';
import { asRefusal, type Refusal } from '../api/refusal.ts';
import { Dialog } from '../parts/dialog.tsx';
import { Refused } from '../parts/refused.tsx';
import { signInWithPasskey } from '../sign-in/passkey.ts';
import { goToProvider } from '../sign-in/provider.ts';
import { useSession } from './session.tsx';

/**
 * Around the pages: what decides over others wants a sign-in of the last minutes, and asks for the passkey in place. Who has none goes to
 * the OpenID provider and comes back to the page; what they were about to do is not done for them.
 */
export function Confirmed({ children }: { readonly children: ReactNode }) {
  const provider = useProviderOnly();
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
      if (provider !== null) await goToProvider(location.pathname.replace(/^\/dashboard/, '') + location.search, true);
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
          <p>This decides over others, and your sign-in is a while ago. Nothing has been done yet.{provider === null ? null : ` You come back to this page from ${provider}; then do it again.`}</p>
          <Refused refusal={refusal} />
          <div className="buttons">
            <button type="button" className="button button-main" disabled={busy} onClick={() => void give()} autoFocus>
              {busy ? 'Waiting…' : provider === null ? 'Confirm with your passkey' : `Sign in again with ${provider}`}
            </button>
          </div>
        </Dialog>
      ) : null}
    </ConfirmProvider>
  );
}

/** The provider's name for whom it alone lets in; null: there is a passkey. */
function useProviderOnly(): string | null {
  const { operator } = useSession();
  const only = operator.oidc && operator.passkeys === 0;
  // What visitors ask is counted: nobody else asks it.
  const ways = useRead('signInWays', {}, { enabled: only });
  return only ? (ways.data?.oidc ?? null) : null;
}
