import type { QueryClient } from '@tanstack/react-query';
import type { Move } from '@godwit/wire/operators';
import type { Answer } from '../api/call.ts';
import { keepNewer, withMove } from './move-news.ts';

/** Puts a move that was told into every answer that shows it, without asking again. */
export function takeMove(queries: QueryClient, told: Move): void {
  queries.setQueriesData<Answer<'readOverview'>>({ queryKey: ['readOverview'] }, (shown) => shown && { ...shown, moves: withMove(shown.moves, told, told.state === 'running') });
  queries.setQueriesData<Answer<'readDesktopDetail'>>({ queryKey: ['readDesktopDetail'] }, (shown) =>
    shown?.desktop.desktopId === told.desktopId ? { ...shown, moves: withMove(shown.moves, told, true) } : shown,
  );
  for (const [queryKey] of queries.getQueriesData<Answer<'listMoves'>>({ queryKey: ['listMoves'] })) {
    const wanted = fits(queryKey[1], told);
    queries.setQueryData<Answer<'listMoves'>>(queryKey, (shown) => shown && { ...shown, moves: withMove(shown.moves, told, wanted) });
  }
}

/** Whether a list that was asked for so has this move in it. */
function fits(ask: unknown, { moveId, desktopId, state }: Move): boolean {
  const { query } = (ask ?? {}) as { readonly query?: { readonly moveId?: string; readonly desktopId?: string; readonly state?: string; readonly before?: string } };
  return query?.before === undefined && (query?.moveId ?? moveId) === moveId && (query?.desktopId ?? desktopId) === desktopId && (query?.state ?? state) === state;
}

/** An answer that was on its way while news came does not take the news back: bars never go backwards. */
export function keepMoves(queries: QueryClient): void {
  const merge = (shown: unknown, read: unknown): unknown => {
    const before = (shown as { readonly moves?: readonly Move[] } | undefined)?.moves;
    const after = read as { readonly moves: readonly Move[] };
    return before === undefined ? after : { ...after, moves: keepNewer(before, after.moves) };
  };
  for (const name of ['readOverview', 'listMoves', 'readDesktopDetail']) queries.setQueryDefaults([name], { structuralSharing: merge });
}
