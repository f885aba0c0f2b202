import { device, domainHash, flipped, hex, join, kdf, lay, seal, seeded, sha256, sharedSecret, sign, text, u16, u32, u64, u8, xchachaPoly, type Device, type Fields } from './bytes.ts';
import type { Vector } from './vector.ts';
import { desktopId, laptop, none, sourceId, stranger, tower, vector } from './world.ts';

const entropy = seeded('recovery entropy', 32);
const recovery = device(kdf(entropy, 'recovery-sign'), kdf(entropy, 'recovery-box'));
const accountKey = seeded('account key', 32);
/** What the chain says of the account key of a generation. */
const commitment = (key: Buffer, generation: number): Buffer => kdf(key, 'account-commitment', u32(generation));
const publicOf = ({ signPublic, boxPublic }: Device): Buffer => join(signPublic, boxPublic);
const named = (name: string): Buffer => join(u8(text(name).length), text(name));

interface EntryChanges {
  readonly fields?: Fields;
  readonly signer?: Device;
  readonly signatureType?: string;
  readonly tail?: Buffer;
}

function entry(kind: number, at: { readonly account: Buffer; readonly sequence: number; readonly previous: Buffer; readonly by: Device }, content: Fields, changes: EntryChanges = {}): Buffer {
  const body = lay({ magic: text('gwce'), version: u8(1), kind: u8(kind), zeros: u16(0), account: at.account, sequence: u32(at.sequence), previous: at.previous, created: u64(1_750_000_000_000), signer: at.by.hostId, ...content }, changes.fields);
  return join(body, sign(changes.signatureType ?? 'chain-entry', body, changes.signer ?? at.by), changes.tail ?? none);
}

const genesis = (changes: EntryChanges = {}): Buffer =>
  entry(1, { account: Buffer.alloc(16), sequence: 0, previous: Buffer.alloc(32), by: recovery }, { recovery: publicOf(recovery), commitment: commitment(accountKey, 1), device: publicOf(laptop), name: named('laptop') }, changes);
const hashOf = (bytes: Buffer): Buffer => domainHash('chain-entry-hash', bytes);
const first = genesis();
const accountId = domainHash('account-id', first.subarray(0, -64)).subarray(0, 16);
const after = (before: Buffer, sequence: number, by: Device): Parameters<typeof entry>[1] => ({ account: accountId, sequence, previous: hashOf(before), by });
const add = (changes: EntryChanges = {}): Buffer => entry(2, after(first, 1, laptop), { device: publicOf(tower), name: named('tower') }, changes);
const second = add();
const revocation = (subject: Device): Fields => ({ subject: subject.hostId, commitment: commitment(seeded('account key 2', 32), 2) });
const revoke = (subject: Device): Buffer => entry(3, after(second, 2, laptop), revocation(subject));

const chainBody = (...entries: Buffer[]): Buffer => join(...entries.flatMap((bytes) => [u32(bytes.length), bytes]));

export function chainVectors(): Vector[] {
  const given: [string, string][] = [];
  const refused = (expect: string, name: string, description: string, ...entries: Buffer[]): Vector => vector('chain', expect, name, description, given, chainBody(...entries));
  const bad = (name: string, description: string, fields: Fields): Vector => refused('CHAIN_ENTRY_INVALID', name, description, first, add({ fields }));
  const third = revoke(tower);
  const result = `account ${accountId.toString('hex')}, 3 entries, generation 2, head ${hashOf(third).toString('hex', 0, 8)}, laptop / tower revoked`;
  const mixed = device(seeded('mixed/sign', 32), laptop.boxSecret);
  return [
    vector('chain', 'ok', 'good', 'a genesis, a device that is added and revoked', [['result', result]], chainBody(first, second, third)),
    refused('CHAIN_BROKEN', 'empty', 'no entries'),
    refused('CHAIN_BROKEN', 'no-genesis', 'it begins with another entry', second),
    refused('CHAIN_BROKEN', 'second-genesis', 'a genesis after the genesis', first, genesis()),
    refused('CHAIN_BROKEN', 'gap', 'an entry is missing', first, third),
    refused('CHAIN_BROKEN', 'other-account', 'an entry of another account', first, add({ fields: { account: seeded('another account', 16) } })),
    refused('CHAIN_BROKEN', 'other-previous', 'an entry that follows another', first, add({ fields: { previous: seeded('another entry', 32) } })),
    refused('CHAIN_BROKEN', 'other-sequence', 'a sequence that is not the next', first, add({ fields: { sequence: u32(2) } })),
    refused('CHAIN_SIGNER_REFUSED', 'ghost', 'a device that signs itself in', first, entry(2, after(first, 1, stranger), { device: publicOf(stranger), name: named('ghost') })),
    refused('CHAIN_SIGNER_REFUSED', 'revoked-signer', 'a revoked device adds another', first, second, third, entry(2, after(third, 3, tower), { device: publicOf(stranger), name: named('x') })),
    refused('CHAIN_SIGNER_REFUSED', 'genesis-by-device', 'a genesis that the device signed', genesis({ fields: { signer: laptop.hostId }, signer: laptop })),
    refused('SIGNATURE_INVALID', 'signature-other', 'an entry that another device signed', first, add({ signer: tower })),
    refused('SIGNATURE_INVALID', 'signature-type', 'an entry that was signed as a grant', first, add({ signatureType: 'grant' })),
    refused('SIGNATURE_INVALID', 'swapped-key', 'the public keys of a device exchanged on the way', first, withBytes(second, 84, publicOf(stranger))),
    refused('SIGNATURE_INVALID', 'signature-bit', 'one bit of the signature', first, flipped(second, -1)),
    refused('DEVICE_EXISTS', 'added-twice', 'a device that is there already', first, add({ fields: { device: publicOf(laptop) } })),
    refused('DEVICE_EXISTS', 'half-keys', 'a new device with one key of another', first, add({ fields: { device: publicOf(mixed) } })),
    refused('DEVICE_EXISTS', 'recovery-as-device', 'the recovery keys as a device', first, add({ fields: { device: publicOf(recovery) } })),
    refused('DEVICE_REVOKED', 'back-again', 'a revoked device is added again', first, second, third, entry(2, after(third, 3, laptop), { device: publicOf(tower), name: named('tower') })),
    refused('DEVICE_REVOKED', 'revoked-twice', 'a device is revoked twice', first, second, third, entry(3, after(third, 3, laptop), revocation(tower))),
    refused('DEVICE_UNKNOWN', 'revokes-stranger', 'a device is revoked that was never there', first, second, revoke(stranger)),
    refused('DEVICE_LAST', 'revokes-last', 'the last device revokes itself', first, entry(3, after(first, 1, laptop), revocation(laptop))),
    refused('PUBLIC_KEY_WEAK', 'weak-box-key', 'an X25519 key of small order', first, add({ fields: { device: join(tower.signPublic, Buffer.alloc(32)) } })),
    refused('PUBLIC_KEY_WEAK', 'unreduced-box-key', 'an X25519 key that is not reduced', first, add({ fields: { device: join(tower.signPublic, join(Buffer.from([0xf6]), Buffer.alloc(30, 0xff), Buffer.from([0x7f]))) } })),
    bad('magic', 'another magic', { magic: text('gwcf') }),
    bad('version-2', 'version 2', { version: u8(2) }),
    bad('kind-0', 'kind 0', { kind: u8(0) }),
    bad('kind-4', 'kind 4', { kind: u8(4) }),
    bad('reserved', 'reserved bytes that are not zero', { zeros: u16(1) }),
    bad('account-zeros', 'no account id', { account: Buffer.alloc(16) }),
    bad('name-empty', 'a device without a name', { name: u8(0) }),
    bad('name-65', 'a name of 65 bytes', { name: named('n'.repeat(65)) }),
    bad('name-control', 'a control character in a name', { name: named('a\u001b[2Jb') }),
    bad('name-direction', 'a bidirectional mark in a name', { name: named('a\u202eb') }),
    bad('name-bytes', 'a name that is no UTF-8', { name: join(u8(2), hex('ff80')) }),
    bad('created-2-53', 'a time of 2^53', { created: u64(2n ** 53n) }),
    refused('CHAIN_ENTRY_INVALID', 'genesis-account', 'a genesis with an account id', genesis({ fields: { account: accountId } })),
    refused('CHAIN_ENTRY_INVALID', 'longer', 'a byte after the signature', first, add({ tail: u8(0) })),
    refused('CHAIN_ENTRY_INVALID', 'cut', 'an entry that lacks its last byte', first, second.subarray(0, -1)),
  ];
}

function withBytes(bytes: Buffer, at: number, other: Buffer): Buffer {
  const copy = Buffer.from(bytes);
  other.copy(copy, at);
  return copy;
}

const ephemeral = device(seeded('unused', 32), seeded('ephemeral', 32));
const chain = [first, second];

function grant(changes: { readonly fields?: Fields; readonly signer?: Device; readonly signatureType?: string; readonly boxTo?: Device; readonly sealedKey?: Buffer; readonly accountKey?: Buffer } = {}): Buffer {
  const context = lay(
    { magic: text('gwgr'), version: u8(1), suite: u8(1), zeros: u16(0), account: accountId, generation: u32(1), chainLength: u32(2), chainHead: hashOf(second), recipient: tower.hostId, signer: laptop.hostId, ephemeral: ephemeral.boxPublic },
    changes.fields,
  );
  const to = changes.boxTo ?? tower;
  const key = kdf(sharedSecret(ephemeral.boxSecret, to.boxPublic), 'grant-seal', ephemeral.boxPublic, to.boxPublic);
  const body = join(context, changes.sealedKey ?? seal(key, 0, context, changes.accountKey ?? accountKey));
  return join(body, sign(changes.signatureType ?? 'grant', body, changes.signer ?? laptop));
}

export function grantVectors(): Vector[] {
  const given = (entries: Buffer[], generation = 1): [string, string][] => [
    ...entries.map((bytes): [string, string] => ['chain-entry', bytes.toString('hex')]),
    ['opener-sign-seed', tower.signSeed.toString('hex')], ['opener-box-secret', tower.boxSecret.toString('hex')], ['generation', String(generation)],
  ];
  const refused = (name: string, description: string, body: Buffer, expect = 'GRANT_INVALID', about = given(chain)): Vector => vector('grant', expect, name, description, about, body);
  const changed = (name: string, description: string, fields: Fields): Vector => refused(name, description, grant({ fields }));
  const good = grant();
  const revoked = [first, second, entry(3, after(second, 2, recovery), revocation(laptop))];
  return [
    vector('grant', 'ok', 'good', 'the account key for a device', [...given(chain), ['result', accountKey.toString('hex')]], good),
    vector('grant', 'ok', 'good-by-recovery', 'given by the recovery keys', [...given(chain), ['result', accountKey.toString('hex')]], grant({ fields: { signer: recovery.hostId }, signer: recovery })),
    changed('magic', 'another magic', { magic: text('gwgs') }),
    changed('version-2', 'version 2', { version: u8(2) }),
    changed('suite-0', 'suite 0', { suite: u8(0) }),
    changed('suite-2', 'an unknown suite', { suite: u8(2) }),
    changed('reserved', 'reserved bytes that are not zero', { zeros: u16(1) }),
    changed('other-account', 'a grant of another account', { account: seeded('another account', 16) }),
    changed('generation-0', 'generation 0', { generation: u32(0) }),
    changed('generation-2', 'a generation that has not begun', { generation: u32(2) }),
    changed('other-recipient', 'a grant for another device', { recipient: laptop.hostId }),
    refused('before-signer', 'from before its signer was there', grant({ fields: { signer: tower.hostId, chainLength: u32(1), chainHead: hashOf(first) }, signer: tower })),
    refused('ghost-signer', 'a grant by a device that is not in the chain', grant({ fields: { signer: stranger.hostId }, signer: stranger })),
    refused('signature-other', 'a grant that another device signed', grant({ signer: tower })),
    refused('signature-type', 'a grant that was signed as a request', grant({ signatureType: 'request' })),
    refused('signature-bit', 'one bit of the signature', flipped(good, -1)),
    refused('not-committed', 'an account key that the chain does not name', grant({ accountKey: seeded('another account key', 32) })),
    refused('boxed-to-other', 'a key boxed to another device', grant({ boxTo: laptop })),
    refused('sealed-elsewhere', "another grant's sealed key, signed anew", grant({ fields: { chainLength: u32(2) }, sealedKey: grant({ boxTo: stranger }).subarray(128, 176) })),
    refused('ephemeral-small-order', 'an ephemeral key of small order', grant({ fields: { ephemeral: Buffer.alloc(32) } })),
    refused('wanted-generation', 'an older generation than is wanted', good, 'GRANT_INVALID', given(chain, 2)),
    refused('revoked-signer', 'given by a device that was revoked since', good, 'GRANT_INVALID', given(revoked)),
    refused('hidden-entries', 'its signer knows a longer chain', grant({ fields: { chainLength: u32(3) } }), 'CHAIN_ROLLED_BACK'),
    refused('other-head', 'its signer knows another chain', grant({ fields: { chainHead: seeded('another head', 32) } }), 'CHAIN_FORKED'),
    refused('cut', 'the last byte is missing', good.subarray(0, -1)),
    refused('longer', 'a byte more', join(good, u8(0))),
    refused('empty', 'nothing', none),
  ];
}

export function wrappedKeyVectors(): Vector[] {
  const desktopKey = seeded('desktop key 1', 32);
  const [generation, keyGeneration, nonce] = [3, 2, seeded('wrap nonce', 24)];
  const wrap = (fields: Fields = {}, data: { readonly desktop?: Buffer; readonly generation?: number; readonly keyGeneration?: number; readonly key?: Buffer; readonly account?: Buffer } = {}): Buffer => {
    const associated = join(text('godwit/v1/desktop-key\0'), u8(1), u8(1), data.account ?? accountId, data.desktop ?? desktopId, u32(data.generation ?? generation), u32(data.keyGeneration ?? keyGeneration));
    return lay({ magic: text('gwdk'), version: u8(1), suite: u8(1), generation: u32(generation), keyGeneration: u32(data.keyGeneration ?? keyGeneration), nonce, sealed: xchachaPoly(data.key ?? accountKey, nonce, associated, desktopKey) }, fields);
  };
  const given: [string, string][] = [['account', accountId.toString('hex')], ['account-key', accountKey.toString('hex')], ['generation', String(generation)], ['key-generation', String(keyGeneration)], ['desktop', desktopId.toString('hex')]];
  const refused = (name: string, description: string, body: Buffer, about = given): Vector => vector('wrapped-key', 'GRANT_INVALID', name, description, about, body);
  const asking = (wanted: number): typeof given => given.map(([name, value]) => [name, name === 'key-generation' ? String(wanted) : value]);
  const good = wrap();
  return [
    vector('wrapped-key', 'ok', 'good', 'a desktop key', [...given, ['result', desktopKey.toString('hex')]], good),
    refused('magic', 'another magic', wrap({ magic: text('gwdl') })),
    refused('version-2', 'version 2', wrap({ version: u8(2) })),
    refused('suite-0', 'suite 0', wrap({ suite: u8(0) })),
    refused('suite-2', 'an unknown suite', wrap({ suite: u8(2) })),
    refused('older-generation', 'a key of the generation before', wrap({ generation: u32(2) }, { generation: 2 })),
    refused('renumbered', 'the key of the generation before under this number', wrap({}, { generation: 2 })),
    refused('key-generation-other', 'a desktop key of another generation than is asked for', good, asking(1)),
    refused('key-generation-renumbered', 'a desktop key under the number of another', wrap({ keyGeneration: u32(1) }), asking(1)),
    refused('key-generation-0', 'a desktop key of generation 0', wrap({}, { keyGeneration: 0 }), asking(0)),
    refused('key-generation-above', 'a desktop key of a later generation than the account key', wrap({}, { keyGeneration: 4 }), asking(4)),
    refused('other-desktop', 'the key of another desktop', wrap({}, { desktop: sourceId })),
    refused('other-account', 'the key of another account', wrap({}, { account: seeded('another account', 16) })),
    refused('other-key', 'wrapped under another account key', wrap({}, { key: seeded('another key', 32) })),
    refused('nonce-bit', 'one bit of the nonce', flipped(good, 12)),
    refused('seal-bit', 'one bit of the sealed key', flipped(good, 40)),
    refused('tag-bit', 'one bit of the tag', flipped(good, -1)),
    refused('cut', 'the last byte is missing', good.subarray(0, -1)),
    refused('longer', 'a byte more', join(good, u8(0))),
  ];
}

export function requestVectors(): Vector[] {
  const body = text('{"epoch":7}');
  const asked = { method: 'POST', path: '/v1/desktops?limit=5', audience: 'coordinator.example', now: '1750000000000' };
  const nonce = seeded('request nonce', 16);
  const signed = (changes: Partial<typeof asked> & { readonly body?: Buffer; readonly time?: number; readonly signer?: Device; readonly type?: string; readonly host?: Buffer } = {}): [string, string][] => {
    const { method, path, audience } = { ...asked, ...changes };
    const time = changes.time ?? 1_750_000_000_000;
    const host = changes.host ?? laptop.hostId;
    const message = join(u8(1), u8(method.length), text(method), u32(path.length), text(path), sha256(changes.body ?? body), host, u64(time), nonce, u8(audience.length), text(audience));
    const signature = sign(changes.type ?? 'request', message, changes.signer ?? laptop);
    return [['godwit-host', host.toString('hex')], ['godwit-time', String(time)], ['godwit-nonce', nonce.toString('hex')], ['godwit-signature', signature.toString('hex')]];
  };
  const known: [string, string][] = [...Object.entries(asked), ['known', laptop.signPublic.toString('hex')], ['known-host', laptop.hostId.toString('hex')]];
  const of = (expect: string, name: string, description: string, headers: readonly (readonly [string, string])[], sent = body): Vector =>
    vector('request', expect, name, description, [...known, ...headers.map(([header, value]): [string, string] => ['header', `${header} ${value}`]), ...(expect === 'ok' ? [['result', `${laptop.hostId.toString('hex')} ${nonce.toString('hex')}`] as [string, string]] : [])], sent);
  const invalid = (name: string, description: string, headers: readonly (readonly [string, string])[], sent = body): Vector => of('SIGNATURE_INVALID', name, description, headers, sent);
  const replaced = (header: string, value: string): [string, string][] => signed().map(([name, old]) => [name, name === header ? value : old]);
  return [
    of('ok', 'good', 'a request with a body', signed()),
    of('ok', 'good-skewed', 'a clock that is five minutes behind', signed({ time: 1_750_000_000_000 - 300_000 })),
    of('REQUEST_TIME_SKEWED', 'too-old', 'a clock that is more than five minutes behind', signed({ time: 1_750_000_000_000 - 300_001 })),
    of('REQUEST_TIME_SKEWED', 'too-new', 'a clock that is more than five minutes ahead', signed({ time: 1_750_000_000_000 + 300_001 })),
    invalid('other-method', 'signed for another method', signed({ method: 'PUT' })),
    invalid('other-path', 'signed for another path', signed({ path: '/v1/desktops?limit=6' })),
    invalid('other-audience', 'signed for another coordinator', signed({ audience: 'other.example' })),
    invalid('other-body', 'sent with another body', signed(), text('{"epoch":8}')),
    invalid('other-key', 'signed by another device in the name of this one', signed({ signer: tower })),
    invalid('unknown-host', 'signed by a host that is not known', signed({ signer: stranger, host: stranger.hostId })),
    invalid('type', 'signed as a grant', signed({ type: 'grant' })),
    invalid('other-nonce', 'another nonce', replaced('godwit-nonce', '00'.repeat(16))),
    invalid('other-time', 'another time', replaced('godwit-time', '1750000000001')),
    invalid('time-zero-led', 'a time with a leading zero', replaced('godwit-time', '01750000000000')),
    invalid('capitals', 'hexadecimal digits in capitals', signed().map(([name, value]): [string, string] => [name, name === 'godwit-signature' ? value.toUpperCase() : value])),
    invalid('no-signature', 'no signature', signed().filter(([name]) => name !== 'godwit-signature')),
    invalid('short-signature', 'a signature that lacks a byte', signed().map(([name, value]): [string, string] => [name, name === 'godwit-signature' ? value.slice(2) : value])),
  ];
}

export function offlinePolicyVectors(): Vector[] {
  const policy = (changes: { readonly fields?: Fields; readonly signer?: Device; readonly signatureType?: string } = {}): Buffer => {
    const body = lay({ magic: text('gwop'), version: u8(1), mode: u8(1), desktop: desktopId, host: laptop.hostId, signed: u64(1_750_000_000_000) }, changes.fields);
    return join(body, sign(changes.signatureType ?? 'offline-policy', body, changes.signer ?? laptop));
  };
  const given: [string, string][] = [['signer', laptop.signPublic.toString('hex')]];
  const ok = (name: string, description: string, mode: string, body: Buffer): Vector =>
    vector('offline-policy', 'ok', name, description, [...given, ['result', `${mode}, desktop ${desktopId.toString('hex')}, host ${laptop.hostId.toString('hex')}, signed 1750000000000`]], body);
  const refused = (name: string, description: string, body: Buffer, expect = 'POLICY_INVALID'): Vector => vector('offline-policy', expect, name, description, given, body);
  const good = policy();
  return [
    ok('good-stop', 'it stops without word from the coordinator', 'stop', good),
    ok('good-keep', 'it runs on', 'keep', policy({ fields: { mode: u8(0) } })),
    refused('magic', 'another magic', policy({ fields: { magic: text('gwpo') } })),
    refused('version-2', 'version 2', policy({ fields: { version: u8(2) } })),
    refused('mode-2', 'an unknown mode', policy({ fields: { mode: u8(2) } })),
    refused('signed-2-53', 'a time of 2^53', policy({ fields: { signed: u64(2n ** 53n) } })),
    refused('signature-other', 'a policy that another device signed', policy({ signer: tower }), 'SIGNATURE_INVALID'),
    refused('signature-type', 'a policy that was signed as a retention policy', policy({ signatureType: 'policy' }), 'SIGNATURE_INVALID'),
    refused('signature-bit', 'one bit of the signature', flipped(good, -1), 'SIGNATURE_INVALID'),
    refused('made-lenient', 'the mode exchanged on the way', withBytes(good, 5, u8(0)), 'SIGNATURE_INVALID'),
    refused('other-desktop', 'the desktop exchanged on the way', withBytes(good, 6, sourceId), 'SIGNATURE_INVALID'),
    refused('cut', 'the last byte is missing', good.subarray(0, -1)),
    refused('longer', 'a byte more', join(good, u8(0))),
    refused('empty', 'nothing', none),
  ];
}
