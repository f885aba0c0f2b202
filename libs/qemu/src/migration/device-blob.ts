import { Fault } from '@godwit/base';
import { maxVmDescriptionBytes, sectionType } from './format.ts';

const footerBytes = 5;
const vmDescriptionHeaderBytes = 5;

/**
 * The FULL sections out of everything that followed RAM, as a view: without the EOF byte and the VM description after it.
 *
 * The sections cannot be walked without knowing every device, so the end is found backwards, and that is unambiguous. A stream
 * ends either with EOF (0x00) or with `0x00 0x06 u32 length` and a JSON text that reaches exactly to the end, hence with `}`.
 * A JSON text holds no byte below 0x20 but white space, and the length's first byte is at most 0x00 (the limit is 4 MiB), so the
 * last byte that JSON forbids lies inside the length field: at most four places are left, and the length itself picks one.
 * The description is kept on (`suppress-vmdesc` stays off) because its length makes a truncated stream recognisable.
 */
export function deviceSections(tail: Buffer): Buffer {
  if (tail.length === 0) throw new Fault('MIGRATION_TRUNCATED', { expected: 'device state after RAM', found: 'the end of the stream' });
  const eofOffset = tail[tail.length - 1] === sectionType.eof ? tail.length - 1 : beforeVmDescription(tail);
  const sections = tail.subarray(0, eofOffset);
  if (sections[0] !== sectionType.full) throw new Fault('MIGRATION_CORRUPT', { expected: 'device state that opens with a section', found: typeName(sections[0]) });
  const footer = sections[eofOffset - footerBytes];
  if (eofOffset <= footerBytes || footer !== sectionType.footer) {
    throw new Fault('MIGRATION_TRUNCATED', { expected: 'a section footer before the end of the stream', found: typeName(footer) });
  }
  return sections;
}

function beforeVmDescription(tail: Buffer): number {
  const oldest = Math.max(0, tail.length - maxVmDescriptionBytes - 1);
  let stop = tail.length - 1;
  while (stop >= oldest && isJsonByte(tail[stop])) stop -= 1;
  for (let start = stop + 1; start <= stop + 4 && start < tail.length; start += 1) {
    const header = start - vmDescriptionHeaderBytes;
    if (header < 1 || tail[header] !== sectionType.vmDescription || tail[header - 1] !== sectionType.eof) continue;
    if (tail.readUInt32BE(header + 1) !== tail.length - start) continue;
    requireJsonObject(tail.subarray(start));
    return header - 1;
  }
  throw new Fault('MIGRATION_TRUNCATED', { expected: 'end of file, alone or with a VM description that reaches the end', found: typeName(tail[tail.length - 1]) });
}

function requireJsonObject(bytes: Buffer): void {
  let description: unknown;
  try {
    description = JSON.parse(bytes.toString('utf8'));
  } catch (cause) {
    throw new Fault('MIGRATION_CORRUPT', { expected: 'a VM description in JSON', found: 'something else', cause });
  }
  if (typeof description !== 'object' || description === null || Array.isArray(description)) {
    throw new Fault('MIGRATION_CORRUPT', { expected: 'a VM description that is a JSON object', found: typeof description });
  }
}

function isJsonByte(byte: number | undefined): boolean {
  return byte !== undefined && (byte >= 0x20 || byte === 0x09 || byte === 0x0a || byte === 0x0d);
}

function typeName(byte: number | undefined): string {
  return byte === undefined ? 'nothing' : `byte 0x${byte.toString(16).padStart(2, '0')}`;
}
