import { useQueryClient } from '@tanstack/react-query';
import { Link, useNavigate } from 'react-router';
import { call } from '../api/call.ts';
import { useLive } from '../live/live-context.tsx';
import { useSession } from './session.tsx';

/** Who is signed in, and the way out. */
export function AccountMenu() {
  const { operator } = useSession();
  const queries = useQueryClient();
  const live = useLive();
  const navigate = useNavigate();
  const leave = async (): Promise<void> => {
    try {
      await call('signOut', {});
    } finally {
      // Whatever the coordinator said: what was read is not for the next person at this screen.
      live.end();
      await navigate('/sign-in');
      queries.clear();
    }
  };
  return (
    <div className="who">
      <Link to="/sessions" className="who-name" title="Your sessions">
        {operator.name}
        <span className="quiet"> {operator.role}</span>
      </Link>
      <button type="button" className="button" onClick={() => void leave()}>
        Sign out
      </button>
    </div>
  );
}
