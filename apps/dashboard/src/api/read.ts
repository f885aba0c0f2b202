import { QueryClient, useQuery, type UseQueryOptions, type UseQueryResult } from '@tanstack/react-query';
import { call, type Answer, type Ask, type RouteName } from './call.ts';
import { asRefusal, isSignedOut, type Refusal } from './refusal.ts';

/**
 * How pages read: `useRead('readOverview', {})`. The key of what was read is [route, ask], so that news from the coordinator can name what is to be
 * read again. Nothing is read again by time: news says when, and a new connection reads everything that is shown.
 */
export type Read<Name extends RouteName> = UseQueryResult<Answer<Name>, Refusal>;

export function useRead<Name extends RouteName>(name: Name, ask: Ask<Name>, options: Pick<UseQueryOptions<Answer<Name>, Refusal>, 'enabled' | 'placeholderData'> = {}): Read<Name> {
  return useQuery<Answer<Name>, Refusal>({ queryKey: [name, ask], queryFn: ({ signal }) => call(name, ask, signal), ...options });
}

export function newQueryClient(): QueryClient {
  return new QueryClient({
    defaultOptions: {
      queries: {
        staleTime: 5_000,
        // A wrong request stays wrong; only what may pass by itself is tried again.
        retry: (count, error) => count < 2 && !isSignedOut(error) && [0, 502, 503, 504].includes(asRefusal(error).status),
        networkMode: 'always',
        refetchOnWindowFocus: false,
        refetchOnReconnect: false,
      },
      mutations: { networkMode: 'always' },
    },
  });
}
