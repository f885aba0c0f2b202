import { createContext, useContext, useState, type ReactNode } from 'react';
import { useQueryClient } from '@tanstack/react-query';
import { call, type Answer, type Ask, type RouteName } from './call.ts';
import { asRefusal, isStale, type Refusal } from './refusal.ts';

/**
 * How pages act: `const bar = useAct('barHost', ['listAllHosts'])`, then `await bar.act(ask)`: the answer, or undefined with `bar.refusal` saying
 * why not. An act that wants a fresh sign-in asks for the passkey and is tried again; what it makes old is read again.
 */
export interface Act<Name extends RouteName> {
  readonly act: (ask: Ask<Name>) => Promise<Answer<Name> | undefined>;
  readonly busy: boolean;
  readonly refusal: Refusal | undefined;
  readonly forget: () => void;
}

/** Asks who is there for the passkey again: true when it was given. */
type Confirm = () => Promise<boolean>;
const Confirming = createContext<Confirm | undefined>(undefined);

export function ConfirmProvider({ confirm, children }: { readonly confirm: Confirm; readonly children: ReactNode }) {
  return <Confirming.Provider value={confirm}>{children}</Confirming.Provider>;
}

export function useAct<Name extends RouteName>(name: Name, outdated: readonly RouteName[]): Act<Name> {
  const confirm = useContext(Confirming);
  const queries = useQueryClient();
  const [busy, setBusy] = useState(false);
  const [refusal, setRefusal] = useState<Refusal | undefined>();
  const tryTwice = async (ask: Ask<Name>): Promise<Answer<Name> | undefined> => {
    try {
      return await call(name, ask);
    } catch (error) {
      if (!isStale(error) || confirm === undefined) throw error;
      if (!(await confirm())) throw error;
      return await call(name, ask);
    }
  };
  const act = async (ask: Ask<Name>): Promise<Answer<Name> | undefined> => {
    setBusy(true);
    setRefusal(undefined);
    try {
      const answer = await tryTwice(ask);
      await Promise.all(outdated.map((each) => queries.invalidateQueries({ queryKey: [each] })));
      return answer;
    } catch (error) {
      setRefusal(asRefusal(error));
      return undefined;
    } finally {
      setBusy(false);
    }
  };
  return { act, busy, refusal, forget: () => setRefusal(undefined) };
}
