/** `text` with every control byte (C0, DEL, C1) and bidirectional control written as `\u{hex}`: safe for a terminal or a log. */
export function printable(text: string): string {
  // eslint-disable-next-line no-control-regex -- control bytes are exactly what is looked for
  return text.replace(/[\u0000-\u001f\u007f-\u009f\u061c\u200e\u200f\u2028-\u202e\u2066-\u2069]/gu, (c) => `\\u{${c.codePointAt(0)!.toString(16)}}`);
}
