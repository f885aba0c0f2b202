import { existsSync, readFileSync, statSync } from 'node:fs';
import { dirname, join, normalize } from 'node:path';
import { root, type Finding, type SourceFile } from '../tidy/sources.ts';

/** Markdown as its readers see it: code is no link and no heading. Lines keep their number. */
function proseLines(text: string): string[] {
  let inBlock = false;
  return text.split('\n').map((line) => {
    if (/^\s*```/.test(line)) inBlock = !inBlock;
    return inBlock || /^\s*```/.test(line) ? '' : line;
  });
}

/** The anchors of a page, as GitHub makes them of its headings. */
export function anchorsOf(text: string): Set<string> {
  const anchors = new Set<string>();
  for (const line of proseLines(text)) {
    const heading = /^#{1,6}\s+(.+?)\s*#*$/.exec(line)?.[1];
    if (heading === undefined) continue;
    const slug = heading.replace(/\[([^\]]*)\]\([^)]*\)/g, '$1').toLowerCase().replace(/[^\p{L}\p{N}\s_-]/gu, '').replace(/\s/g, '-');
    let unique = slug;
    for (let count = 1; anchors.has(unique); count += 1) unique = `${slug}-${count}`;
    anchors.add(unique);
  }
  return anchors;
}

/** Links of one page that lead nowhere: to a file or folder that is not there, out of the checkout, or to a heading that is not. */
export function linkFindings({ path, text }: SourceFile): Finding[] {
  return proseLines(text).flatMap((line, index) =>
    [...line.replace(/`[^`]*`/g, (code) => ' '.repeat(code.length)).matchAll(/\]\(([^()\s]+)(?:\s+"[^"]*")?\)/g)].flatMap(([, target]) => {
      const problem = target === undefined ? undefined : problemOf(path, text, target);
      return problem === undefined ? [] : [`${path}:${index + 1} ${problem}: ${target}`];
    }),
  );
}

function problemOf(from: string, text: string, target: string): string | undefined {
  if (/^[a-z][a-z0-9+.-]*:/i.test(target)) return undefined;
  const [file = '', anchor] = target.split('#');
  const path = file === '' ? from : normalize(join(dirname(from), decodeURIComponent(file)));
  if (path.startsWith('..') || path.startsWith('/')) return 'leads out of the checkout';
  const place = join(root, path);
  if (file !== '' && !existsSync(place)) return 'leads to no file';
  if (anchor === undefined) return undefined;
  if (file !== '' && (statSync(place).isDirectory() || !path.endsWith('.md'))) return 'names a heading of what is no page';
  return anchorsOf(file === '' ? text : readFileSync(place, 'utf8')).has(anchor) ? undefined : 'leads to no heading';
}
