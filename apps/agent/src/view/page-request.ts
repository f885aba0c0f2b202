/** What a request to the page server may be. Pure. */

/** The token and the page itself are the longest there are. */
export const urlCharactersMax = 512;
export const cookieName = 'godwit-view';

export interface PageRequest {
  readonly method?: string | undefined;
  readonly url?: string | undefined;
  readonly headers: Readonly<Record<string, string | string[] | undefined>>;
}

export type Asked =
  | { readonly kind: 'refused'; readonly status: 400 | 403 | 405 | 414 | 421; readonly reason: string }
  | { readonly kind: 'link'; readonly place: string; readonly token: string }
  | { readonly kind: 'file'; readonly place: string; readonly file: string; readonly cookie: string | undefined };

/**
 * Reads a request to the server at `host` (`127.0.0.1:PORT`). Another Host header is a name that somebody let point here (DNS rebinding), another
 * Origin a page of somebody else; neither gets an answer. A WebSocket has to name its Origin.
 */
export function readRequest({ method, url = '', headers }: PageRequest, host: string, webSocket: boolean): Asked {
  const refused = (status: 400 | 403 | 405 | 414 | 421, reason: string): Asked => ({ kind: 'refused', status, reason });
  if (headers['host'] !== host) return refused(421, 'this server has another name');
  const { origin } = headers;
  if (origin === undefined ? webSocket : origin !== `http://${host}`) return refused(403, 'the request comes from another page');
  // What a browser says of itself; the link may be opened from anywhere.
  const site = headers['sec-fetch-site'];
  if (webSocket && site !== undefined && site !== 'same-origin') return refused(403, 'the request comes from another page');
  if (method !== 'GET') return refused(405, 'only GET is served');
  if (url.length > urlCharactersMax) return refused(414, 'the address is too long');
  const [, place, file, query] = /^\/([A-Za-z0-9_-]{32})\/([A-Za-z0-9_./-]*)(?:\?(.*))?$/.exec(url) ?? [];
  if (place === undefined || file === undefined) return refused(403, refusal);
  const token = /^token=([A-Za-z0-9_-]{32})$/.exec(query ?? '')?.[1];
  if (file === '' && token !== undefined && !webSocket) return { kind: 'link', place, token };
  return { kind: 'file', place, file, cookie: cookieOf(headers['cookie']) };
}

/** The same for all who may not look, so that nobody learns what there is. */
export const refusal = 'This link is not good: it was used already, it is too old, or it never was. Type: godwit view NAME';

function cookieOf(header: string | string[] | undefined): string | undefined {
  if (typeof header !== 'string') return undefined;
  const values = header.split(';').map((pair) => pair.trim()).filter((pair) => pair.startsWith(`${cookieName}=`)).map((pair) => pair.slice(cookieName.length + 1));
  // Two of one name: somebody else set one of them, and it is not for us to say which.
  return values.length === 1 ? values[0] : undefined;
}
