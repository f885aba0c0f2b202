import { createContext, useContext, useEffect, type ReactNode } from 'react';
import { Navigate, useLocation } from 'react-router';
import { roles, type Role, type Session } from '@godwit/wire/operators';
import { isSignedOut } from '../api/refusal.ts';
import { useRead } from '../api/read.ts';
import { useLive } from '../live/live-context.tsx';
import { Failed } from '../parts/card.tsx';

const Current = createContext<Session | undefined>(undefined);

export function useSession(): Session {
  const session = useContext(Current);
  if (session === undefined) throw new Error('nobody is signed in around this part of the page');
  return session;
}

/** Whether who is signed in may do what asks for `role`; the coordinator decides it again. */
export function useMay(role: Role): boolean {
  return roles.indexOf(useSession().operator.role) >= roles.indexOf(role);
}

/** Pages behind the sign-in: who has no session goes there, and comes back to where they wanted to be. */
export function SignedIn({ children }: { readonly children: ReactNode }) {
  const read = useRead('readSession', {});
  const live = useLive();
  const { pathname, search } = useLocation();
  const signedOut = isSignedOut(read.error);
  const here = read.data !== undefined && !signedOut;
  useEffect(() => {
    if (here) live.begin();
    if (signedOut) live.end();
  }, [live, here, signedOut]);
  if (signedOut) return <Navigate replace to={`/sign-in?to=${encodeURIComponent(pathname + search)}`} />;
  if (read.data !== undefined) return <Current.Provider value={read.data}>{children}</Current.Provider>;
  return <main className="alone">{read.error === null ? <p role="status">Loading…</p> : <Failed refusal={read.error} again={() => void read.refetch()} busy={read.isFetching} />}</main>;
}
