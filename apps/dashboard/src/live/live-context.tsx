import { createContext, useContext, useEffect, useState, useSyncExternalStore } from 'react';
import type { Connection } from './connection.ts';
import type { LiveStream } from './stream.ts';

const Live = createContext<LiveStream | undefined>(undefined);
export const LiveProvider = Live.Provider;

export function useLive(): LiveStream {
  const stream = useContext(Live);
  if (stream === undefined) throw new Error('no live stream around this part of the page');
  return stream;
}

export function useConnection(): Connection {
  const stream = useLive();
  return useSyncExternalStore(stream.watch, stream.connection);
}

/** The coordinator's clock, told again every `everyMs`: ages are the same in every browser. */
export function useNowMs(everyMs = 1000): number {
  const stream = useLive();
  const [nowMs, setNowMs] = useState(stream.nowMs);
  useEffect(() => {
    const timer = setInterval(() => setNowMs(stream.nowMs()), everyMs);
    return () => clearInterval(timer);
  }, [stream, everyMs]);
  return nowMs;
}
