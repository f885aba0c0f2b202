import type { Refusal } from '../api/refusal.ts';
import { useRead } from '../api/read.ts';
import { shortId, type NameOf } from './words.ts';

export interface Names {
  readonly nameOf: NameOf;
  /** Why they are not known; null: they are. */
  readonly refusal: Refusal | null;
  readonly again: () => void;
}

/** The log has ids and no names. What hosts and desktops are called now is the coordinator's word, for as many as its lists give at once; others go by their id. */
export function useNames(): Names {
  const hosts = useRead('listAllHosts', { query: {} });
  const desktops = useRead('listAllDesktops', { query: {} });
  const names = new Map<string, string>([...(hosts.data?.hosts ?? []).map(({ hostId, name }) => [hostId, name] as const), ...(desktops.data?.desktops ?? []).map(({ desktopId, name }) => [desktopId, name] as const)]);
  const again = (): void => {
    for (const read of [hosts, desktops]) if (read.error !== null) void read.refetch();
  };
  return { nameOf: (id) => names.get(id) ?? shortId(id), refusal: hosts.error ?? desktops.error, again };
}
