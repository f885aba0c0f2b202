import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { faultCodes, type FaultCode, type FaultKind } from '@godwit/base';
import { root } from './sources.ts';

export const errorsPath = 'docs/errors.md';
export const faultCodesPath = 'libs/base/src/fault-codes.ts';

export interface FaultGroup {
  /** The comment line above the codes: floor and subject. */
  readonly title: string;
  readonly codes: readonly FaultCode[];
}

const kinds: Readonly<Record<FaultKind, string>> = {
  invalid: 'the request is wrong; change it',
  denied: 'the caller may not do this',
  conflict: 'the state of things forbids it now; look, then decide',
  fenced: 'another host owns the desktop; stop at once and for good',
  unavailable: 'something is out of reach or full; the same call may succeed later',
  corrupt: 'bytes are not what they must be; never use them',
  internal: 'a defect of Godwit',
};

/** The codes in the order and groups of the table's own source. */
export function faultGroups(source = readFileSync(join(root, faultCodesPath), 'utf8')): FaultGroup[] {
  const groups: { title: string; codes: FaultCode[] }[] = [];
  for (const line of source.slice(source.indexOf('export const faultCodes')).split('\n')) {
    const title = /^ {2}\/\/ (.+)$/.exec(line)?.[1];
    if (title !== undefined) groups.push({ title, codes: [] });
    const code = /^ {2}([A-Z][A-Z0-9_]*): entry\(/.exec(line)?.[1];
    if (code !== undefined) groups.at(-1)?.codes.push(code as FaultCode);
  }
  return groups;
}

/** docs/errors.md, whole. */
export function errorsPage(groups: readonly FaultGroup[] = faultGroups()): string {
  const lines = [
    '# Errors',
    '',
    '<!-- Written from libs/base/src/fault-codes.ts by `node test/dist/tidy/write-errors.js`; a test keeps the two equal. -->',
    '',
    'Whatever goes wrong is said as one fault: `godwit: error: MESSAGE [CODE]` and `godwit: hint: NEXT STEP`, with `--json` as an object with',
    '`code`, `kind`, `message`, `hint` and, where they are known, `subject`, `expected` and `found`. Codes are stable. Programs branch on the kind:',
    '',
    '| kind | what to do |',
    '| --- | --- |',
    ...Object.entries(kinds).map(([kind, meaning]) => `| \`${kind}\` | ${meaning} |`),
  ];
  for (const { title, codes } of groups) {
    if (codes.length === 0) continue;
    lines.push('', `## ${title}`, '', '| code | kind | what happened | next step |', '| --- | --- | --- | --- |');
    for (const code of codes) {
      const { kind, title: happened, hint } = faultCodes[code];
      lines.push(`| \`${code}\` | ${kind} | ${cell(happened)} | ${cell(hint)} |`);
    }
  }
  return `${lines.join('\n')}\n`;
}

function cell(text: string): string {
  return text.replaceAll('|', '\\|').replaceAll('<', '&lt;');
}
