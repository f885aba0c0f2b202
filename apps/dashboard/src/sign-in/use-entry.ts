import { useState } from 'react';
import { useQueryClient } from '@tanstack/react-query';
import { useNavigate } from 'react-router';
import type { Session } from '@godwit/wire/operators';
import { asRefusal, type Refusal } from '../api/refusal.ts';
import { wayBack } from './way-back.ts';

/** Lets somebody in by one of the ceremonies, then goes where they wanted to be: `search` has it. */
export function useEntry(search: URLSearchParams): { readonly enter: (ceremony: () => Promise<Session>) => Promise<void>; readonly busy: boolean; readonly refusal: Refusal | undefined } {
  const [busy, setBusy] = useState(false);
  const [refusal, setRefusal] = useState<Refusal | undefined>();
  const queries = useQueryClient();
  const navigate = useNavigate();
  const enter = async (ceremony: () => Promise<Session>): Promise<void> => {
    setBusy(true);
    setRefusal(undefined);
    try {
      const session = await ceremony();
      // What somebody else had read at this screen is not theirs.
      queries.clear();
      queries.setQueryData(['readSession', {}], session);
      await navigate(wayBack(search), { replace: true });
    } catch (error) {
      setRefusal(asRefusal(error));
    } finally {
      setBusy(false);
    }
  };
  return { enter, busy, refusal };
}
