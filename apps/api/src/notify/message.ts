import { printable } from '@godwit/base';
import type { Notice } from './changes.ts';

/** One message to whoever operates this, as JSON, as a text and as a mail. docs/operations.md describes the JSON for its receivers. */

export interface Message {
  readonly type: 'attention' | 'test';
  /** 32 hexadecimal digits; the same however often the message comes. */
  readonly id: string;
  /** Where the dashboard is. */
  readonly coordinator: string;
  /** When it was made, in milliseconds since 1970 by the database's clock. */
  readonly timeMs: number;
  /** For receivers that show one text. */
  readonly text: string;
  /** 1 to 100 of them, the worst first; none in a test. */
  readonly notices: readonly Notice[];
}

/** Named in the text; the others are in the list. */
const namedInText = 20;

export function messageOf(given: Pick<Message, 'type' | 'id' | 'coordinator' | 'timeMs' | 'notices'>): Message {
  return { ...given, text: escaped(linesOf(given, namedInText).join('\n')) };
}

export interface Letter {
  readonly subject: string;
  readonly text: string;
}

/** As a mail: nobody's words are in its subject. */
export function letterOf(message: Omit<Message, 'text'>): Letter {
  const high = message.notices.filter(({ change, severity }) => change !== 'gone' && severity === 'high').length;
  return { subject: `[Godwit] ${sumOf(message)}${high === 0 ? '' : ` (${high} high)`}`, text: `${linesOf(message, message.notices.length).join('\n')}\n` };
}

function linesOf(message: Pick<Message, 'type' | 'coordinator' | 'notices'>, most: number): string[] {
  const { coordinator, notices } = message;
  const more = notices.length - most;
  return [
    `Godwit, ${sumOf(message)}: ${coordinator}/dashboard/`,
    ...notices.slice(0, most).flatMap(({ change, severity, text, nextStep }) => (change === 'gone' ? [`gone: ${printable(text)}`] : [`${change}, ${severity}: ${printable(text)}`, `    ${printable(nextStep)}`])),
    ...(more > 0 ? [`and ${more} more`] : []),
  ];
}

function sumOf({ type, notices }: Pick<Message, 'type' | 'notices'>): string {
  if (type === 'test') return 'a test that somebody asked for';
  const kinds = (['new', 'worse', 'gone'] as const).map((kind) => ({ kind, count: notices.filter(({ change }) => change === kind).length }));
  return kinds.filter(({ count }) => count > 0).map(({ kind, count }) => `${count} ${kind}`).join(', ');
}

/** Chats take these three for marks of their own: a host's name must not call a whole channel. */
function escaped(text: string): string {
  return text.replaceAll('&', '&amp;').replaceAll('<', '&lt;').replaceAll('>', '&gt;');
}
