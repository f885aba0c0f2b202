import { Fault } from '@godwit/base';
import { transmissionFlags, type ChosenExport, type NbdExport } from './export.ts';
import {
  decodeContextChoice,
  decodeExportChoice,
  decodeName,
  encodeExportListed,
  encodeExportNameReply,
  encodeInfoBlockSize,
  encodeInfoExport,
  encodeMetaContext,
  encodeOptionReply,
  type ClientFlags,
  type NbdOption,
} from './handshake.ts';
import { allocationContext, option, optionReply } from './protocol.ts';

/** What has been agreed so far in one handshake. */
export interface Negotiation {
  readonly exports: readonly NbdExport[];
  readonly client: ClientFlags;
  readonly structured: boolean;
  /** The export for which base:allocation was chosen; a choice of another export loses it. */
  readonly allocationFor: string | undefined;
}

/** What an option leads to: pieces to send, and then more options, the transmission phase, or the end. */
export type OptionOutcome =
  | { readonly next: 'options'; readonly pieces: readonly Buffer[]; readonly agreed?: Partial<Pick<Negotiation, 'structured' | 'allocationFor'>> }
  | { readonly next: 'transmission'; readonly pieces: readonly Buffer[]; readonly chosen: ChosenExport }
  | { readonly next: 'ended'; readonly pieces: readonly Buffer[] };

type OptionAnswer = (state: Negotiation, data: Buffer) => OptionOutcome;

/** The options this server knows. Any other is answered with NBD_REP_ERR_UNSUP. */
const answers = new Map<number, OptionAnswer>([
  [option.exportName, answerExportName],
  [option.abort, () => ({ next: 'ended', pieces: [encodeOptionReply(option.abort, optionReply.ack)] })],
  [option.list, answerList],
  [option.info, (state, data) => answerInfo(option.info, state, data)],
  [option.go, (state, data) => answerInfo(option.go, state, data)],
  [option.structuredReply, answerStructuredReply],
  [option.listMetaContext, answerListMetaContext],
  [option.setMetaContext, answerSetMetaContext],
]);

/** Never throws for data it does not understand (that is NBD_REP_ERR_INVALID), except for EXPORT_NAME, which has no way to say no. */
export function answerOption(state: Negotiation, { code, data }: NbdOption): OptionOutcome {
  const answer = answers.get(code);
  if (answer === undefined) return refusal(code, optionReply.errorUnsupported, 'this server does not know the option');
  try {
    return answer(state, data);
  } catch (error) {
    if (code === option.exportName || !(error instanceof Fault)) throw error;
    return refusal(code, optionReply.errorInvalid, error.message);
  }
}

function answerExportName(state: Negotiation, data: Buffer): OptionOutcome {
  const found = findExport(state, decodeName(data));
  if (found === undefined) throw new Fault('NBD_MESSAGE_BAD', { subject: 'export name', expected: 'the name of an export' });
  const chosen = choose(state, found);
  return { next: 'transmission', pieces: [encodeExportNameReply(found.lengthBytes, transmissionFlags(found, state.structured), state.client)], chosen };
}

function answerInfo(code: number, state: Negotiation, data: Buffer): OptionOutcome {
  const found = findExport(state, decodeExportChoice(data).name);
  if (found === undefined) return refusal(code, optionReply.errorUnknown, 'there is no export of this name');
  const pieces = [
    encodeInfoExport(code, found.lengthBytes, transmissionFlags(found, state.structured)),
    encodeInfoBlockSize(code),
    encodeOptionReply(code, optionReply.ack),
  ];
  return code === option.go ? { next: 'transmission', pieces, chosen: choose(state, found) } : { next: 'options', pieces };
}

function answerList(state: Negotiation, data: Buffer): OptionOutcome {
  if (data.length > 0) return refusal(option.list, optionReply.errorInvalid, 'LIST has no data');
  const pieces = state.exports.map(({ name }) => encodeExportListed(option.list, name));
  return { next: 'options', pieces: [...pieces, encodeOptionReply(option.list, optionReply.ack)] };
}

function answerStructuredReply(state: Negotiation, data: Buffer): OptionOutcome {
  if (data.length > 0) return refusal(option.structuredReply, optionReply.errorInvalid, 'STRUCTURED_REPLY has no data');
  if (state.structured) return refusal(option.structuredReply, optionReply.errorInvalid, 'structured replies are agreed already');
  return { next: 'options', pieces: [encodeOptionReply(option.structuredReply, optionReply.ack)], agreed: { structured: true } };
}

function answerListMetaContext(state: Negotiation, data: Buffer): OptionOutcome {
  const code = option.listMetaContext;
  if (!state.structured) return refusal(code, optionReply.errorInvalid, 'structured replies come first');
  const { name, queries } = decodeContextChoice(data);
  if (findExport(state, name) === undefined) return refusal(code, optionReply.errorUnknown, 'there is no export of this name');
  const matches = queries.length === 0 || queries.includes('base:') || queries.includes(allocationContext);
  const pieces = matches ? [encodeMetaContext(code, allocationContext, false)] : [];
  return { next: 'options', pieces: [...pieces, encodeOptionReply(code, optionReply.ack)] };
}

/** Whatever it leads to, it takes back what an earlier one had chosen. */
function answerSetMetaContext(state: Negotiation, data: Buffer): OptionOutcome {
  const code = option.setMetaContext;
  if (!state.structured) return refusal(code, optionReply.errorInvalid, 'structured replies come first');
  const { name, queries } = decodeContextChoice(data);
  if (findExport(state, name) === undefined) {
    return { ...refusal(code, optionReply.errorUnknown, 'there is no export of this name'), agreed: { allocationFor: undefined } };
  }
  const chosen = queries.includes(allocationContext);
  const pieces = chosen ? [encodeMetaContext(code, allocationContext, true)] : [];
  return { next: 'options', pieces: [...pieces, encodeOptionReply(code, optionReply.ack)], agreed: { allocationFor: chosen ? name : undefined } };
}

function findExport({ exports }: Negotiation, name: string): NbdExport | undefined {
  return exports.find((candidate) => candidate.name === name);
}

function choose({ structured, allocationFor }: Negotiation, found: NbdExport): ChosenExport {
  return { export: found, structured, allocation: allocationFor === found.name };
}

function refusal(code: number, reply: number, reason: string): { next: 'options'; pieces: Buffer[] } {
  return { next: 'options', pieces: [encodeOptionReply(code, reply, Buffer.from(reason, 'utf8'))] };
}
