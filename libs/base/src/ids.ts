import { Fault } from './fault.ts';

declare const brand: unique symbol;
type Branded<Name extends string> = string & { readonly [brand]: Name };

/** Ids are 16 bytes, written as 32 lower-case hexadecimal digits. The brand keeps one kind from passing for another. */
export type AccountId = Branded<'AccountId'>;
export type HostId = Branded<'HostId'>;
export type DesktopId = Branded<'DesktopId'>;
export type PackId = Branded<'PackId'>;
export type CommitId = Branded<'CommitId'>;
export type JoinId = Branded<'JoinId'>;
export type OrderId = Branded<'OrderId'>;
export type AnyId = AccountId | HostId | DesktopId | PackId | CommitId | JoinId | OrderId;

export const idBytes = 16;
const pattern = /^[0-9a-f]{32}$/;

export function isId(text: string): boolean {
  return pattern.test(text);
}

/** Throws VALUE_OUT_OF_RANGE when `text` is not 32 lower-case hexadecimal digits. */
export function parseId<Id extends AnyId>(text: string): Id {
  if (!isId(text)) throw new Fault('VALUE_OUT_OF_RANGE', { expected: 'an id of 32 hexadecimal digits', found: JSON.stringify(text.slice(0, 40)) });
  return text as Id;
}

/** `bytes`: exactly 16, else VALUE_OUT_OF_RANGE. */
export function idFromBytes<Id extends AnyId>(bytes: Uint8Array): Id {
  if (bytes.length !== idBytes) throw new Fault('VALUE_OUT_OF_RANGE', { expected: `${idBytes} bytes of id`, found: `${bytes.length}` });
  return Buffer.from(bytes).toString('hex') as Id;
}

export function idToBytes(id: AnyId): Buffer {
  return Buffer.from(parseId(id), 'hex');
}
