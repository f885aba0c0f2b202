import { readdirSync, readFileSync } from 'node:fs';
import { extname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { gzipSync } from 'node:zlib';
import type { NextFunction, Request, RequestHandler, Response } from 'express';
import type { OwnOrigin } from './own-origin.ts';

/** The dashboard's files under /dashboard/, as `vite build` in apps/dashboard leaves them. */

export const pagesDirectory = fileURLToPath(new URL('../../../dashboard/dist/page/', import.meta.url));
const base = '/dashboard/';
const indexName = 'index.html';

/** Nothing inline, nothing from elsewhere, in no frame; what a page connects to is this origin. */
const policy = "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; font-src 'self'; connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'";
const headers: Readonly<Record<string, string>> = {
  'Content-Security-Policy': policy,
  'Permissions-Policy': 'publickey-credentials-create=(self), publickey-credentials-get=(self), camera=(), microphone=(), geolocation=(), display-capture=(), usb=(), serial=(), hid=(), bluetooth=(), payment=()',
  // Not `no-referrer`: with it some requests of the page itself name no origin.
  'Referrer-Policy': 'same-origin',
  'X-Frame-Options': 'DENY',
  'Cross-Origin-Opener-Policy': 'same-origin',
  'Cross-Origin-Resource-Policy': 'same-origin',
};
const types: Readonly<Record<string, string>> = {
  '.html': 'text/html; charset=utf-8', '.js': 'text/javascript; charset=utf-8', '.css': 'text/css; charset=utf-8', '.json': 'application/json',
  '.svg': 'image/svg+xml', '.png': 'image/png', '.ico': 'image/x-icon', '.woff2': 'font/woff2', '.txt': 'text/plain; charset=utf-8', '.webmanifest': 'application/manifest+json',
};

interface File {
  readonly bytes: Buffer;
  readonly zipped: Buffer;
  readonly type: string;
}
type Files = ReadonlyMap<string, File>;

/**
 * Answers `/` and everything below /dashboard/, and passes the rest on. The files are read once, at the first request: a coordinator serves
 * the pages that were there when it was asked first, and only names that it then found, so a path leads nowhere else.
 */
export function servePages(origin: OwnOrigin, directory = pagesDirectory): RequestHandler {
  let files: Files | undefined;
  return (request: Request, response: Response, next: NextFunction) => {
    const { path, method } = request;
    const asked = path === '/' || path === '/dashboard' || path.startsWith(base);
    if (!asked || (method !== 'GET' && method !== 'HEAD')) { next(); return; }
    for (const [name, value] of Object.entries(headers)) response.setHeader(name, value);
    const elsewhere = redirection(request, origin);
    if (elsewhere !== undefined) { response.redirect(307, elsewhere); return; }
    files ??= readFiles(directory);
    answer(files, path.slice(base.length), request, response);
  };
}

/** Passkeys need a name: whoever types this machine's address is sent to `localhost`. A public origin is what the proxy in front of it serves. */
function redirection({ path, originalUrl, headers: { host = '' } }: Request, origin: OwnOrigin): string | undefined {
  const byAddress = origin.public === undefined && /^(127\.0\.0\.1|\[::1\])(:[0-9]+)?$/.test(host);
  const target = path.startsWith(base) ? originalUrl : base;
  if (byAddress) return `${origin.text}${target}`;
  return path.startsWith(base) ? undefined : target;
}

function answer(files: Files, name: string, request: Request, response: Response): void {
  const hashed = name.startsWith('assets/');
  const file = files.get(name) ?? (hashed ? undefined : files.get(indexName));
  if (file === undefined) {
    response.status(files.size === 0 ? 503 : 404).type('text/plain').send(files.size === 0 ? 'The dashboard is not built. In the checkout: npm run setup, then start the coordinator again.\n' : 'There is no such file.\n');
    return;
  }
  const zip = file.zipped.length < file.bytes.length && /\bgzip\b/.test(request.headers['accept-encoding'] ?? '');
  // Names of assets are made of what is in them; everything else is asked for each time (`no-store`, as everywhere).
  if (hashed) response.setHeader('Cache-Control', 'public, max-age=31536000, immutable');
  if (zip) response.setHeader('Content-Encoding', 'gzip');
  response.setHeader('Vary', 'Accept-Encoding');
  response.setHeader('Content-Type', file.type);
  response.end(zip ? file.zipped : file.bytes);
}

/** None where the page was not built. */
function readFiles(directory: string): Files {
  try {
    const names = readdirSync(directory, { recursive: true, encoding: 'utf8', withFileTypes: true }).filter((entry) => entry.isFile());
    return new Map(names.map((entry) => {
      const path = join(entry.parentPath, entry.name);
      const bytes = readFileSync(path);
      return [path.slice(directory.length), { bytes, zipped: gzipSync(bytes), type: types[extname(path)] ?? 'application/octet-stream' }];
    }));
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ENOENT') throw error;
    return new Map();
  }
}
