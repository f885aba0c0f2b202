import { rows as accountRows } from '../account/rows.ts';

/** What must not win, row by row, and the test that does it. `docs/threat-model.md` prints these rows; the test beside this file holds both together. */

/** A file of the checkout, and the name of a test in it as its source spells it. */
export type NamedTest = readonly [file: string, name: string];

export interface Row {
  readonly by: 'storage' | 'device' | 'coordinator' | 'revoked device' | 'stale holder' | 'any device' | 'guest' | 'web' | 'operator' | 'all';
  readonly action: string;
  readonly outcome: string;
  readonly tests: readonly NamedTest[];
  /** What the tests do not do, or why there is none. */
  readonly notYet?: string;
}

const hostile = 'libs/snapshot/src/hostile.test.ts';
const hostileWriter = 'libs/snapshot/src/hostile-writer.test.ts';
const mutate = 'test/src/mutate/mutate.test.ts';
const lies = 'test/src/account/coordinator.test.ts';
const revoke = 'test/src/account/revoke.test.ts';
const chain = 'libs/crypto/src/device-chain.test.ts';
const grants = 'libs/crypto/src/grants.test.ts';
const audit = 'test/src/audit/audit.test.ts';
const auditFlow = 'apps/api/src/audit/audit.flow.ts';
const oidc = 'apps/api/src/operators/oidc.flow.ts';
const channels = 'apps/api/src/notify/channels.test.ts';
const signIn = 'apps/api/src/operators/sign-in.flow.ts';
const rude = 'test/src/services/rude-clients.test.ts';
const security = 'apps/api/src/http/security.flow.ts';
const vectors = 'test/src/vectors/vectors.test.ts';

const campaign: NamedTest = [mutate, 'a small campaign of mutations: all refused, nothing released, no fault that is not of bytes'];
const eachVector: NamedTest = [vectors, 'each vector, whole: what it says comes out, or the fault that it names'];

const plan: readonly Row[] = [
  {
    by: 'storage', action: 'flip a bit at every byte of every kind of object', outcome: 'refused before load, every time; no plaintext released',
    tests: [[hostile, 'every byte of every object, flipped: refused by verify, and no read gives other bytes'], campaign, [vectors, 'a good vector with any one byte changed is good no more']],
  },
  {
    by: 'storage', action: 'truncate at every 4 KiB, empty, append, duplicate the tail', outcome: 'refused',
    tests: [[hostile, 'truncated, empty, longer and doubled objects are refused'], campaign],
  },
  {
    by: 'storage', action: 'swap two valid frames or packs: other index, other epoch, other desktop, RAM for disk for device state', outcome: 'refused: the context is authenticated',
    tests: [[hostile, "packs under each other's names, and frames in each other's places, do not open"], [hostile, 'another desktop, another writer, another key generation: refused'], ['libs/snapshot/src/fork.test.ts', 'packs under swapped origins do not open, even where the store moves them there'], campaign],
  },
  {
    by: 'storage', action: 'serve guest-controlled bytes as a manifest, a grant or a log leaf', outcome: 'refused: the type is authenticated',
    tests: [['libs/crypto/src/signature.test.ts', 'a signature of one type is none of any other'], ['libs/snapshot/src/codecs.test.ts', 'public part of a manifest: one encoding, all else is MANIFEST_INVALID'], [grants, 'random and mutated bytes are refused with a typed fault'], ['libs/crypto/src/audit-leaf.test.ts', 'any bytes are a leaf in its one spelling, or refused'], campaign],
  },
  {
    by: 'storage', action: 'remove a signature; set the suite to `none`, unknown or retired', outcome: 'refused; no code path reads unsigned or unencrypted',
    tests: [['libs/crypto/src/signature.test.ts', 'each flipped bit of signature, body and key; each length; another key; nothing at all'], eachVector, campaign],
  },
  {
    by: 'storage', action: 'serve an older complete checkpoint as the newest', outcome: 'refused; names the expected sequence number',
    tests: [[lies, 'shows an older checkpoint, another one in its place, or none: refused, naming the sequence that was seen'], ['test/src/account/rewind.test.ts', 'a coordinator whose whole folder was put back to an earlier day is refused by who saw the later one']],
  },
  {
    by: 'storage', action: 'hide the newest manifest, one pack, everything', outcome: '`DATA_MISSING` with a list; an older one only as an explicit fork',
    tests: [[hostile, 'what is missing comes as a list; a hidden parent is said to be out of reach'], ['test/src/e2e/faults-store.test.ts', '${what}: verify lists it, an eager resume is refused and leaves nothing, a lazy one is lost and says why'], ['test/src/history/history.test.ts', 'a fork of the first runs on another host from where that was, as another machine generation, and nothing was copied']],
  },
  { by: 'storage', action: 'RAM of checkpoint n with disk of n-1', outcome: 'refused: one root covers all', tests: [campaign] },
  {
    by: 'storage', action: 'accept conditional headers and ignore them', outcome: 'found by a probe at start-up and hourly; where the hash in the signature is ignored as well the bucket is refused',
    tests: [['test/src/services/store-check.test.ts', 'a bucket with a fault is told by it'], ['apps/api/src/s3/bucket.flow.ts', 'a key is for one object: no URL for other bytes is minted, also at another coordinator'], ['apps/api/src/s3/bucket.flow.ts', 'an unfit bucket is refused at the start, one out of reach is not, and jobs tell of it']],
    notYet: 'these tests need a real S3 and are run by `npm run test:services`; a coordinator that found an unfit bucket an hour after its start goes on, and its failed job says so',
  },
  {
    by: 'storage', action: 'guess from sizes, names, order and equality whether two desktops share content', outcome: 'no equal names, no equal ciphertext between desktops',
    tests: [[hostile, 'no two desktops, and no two writes of the same content, have equal names or equal ciphertext']], notYet: 'sizes, times and the number of objects are not hidden',
  },
  {
    by: 'storage', action: 'wrapped key: flip, swap between desktops, replay an older generation', outcome: 'refused, one and the same error',
    tests: [[lies, 'flips a wrapped key, swaps it with another desktop, replays an older one: one and the same fault'], ['libs/crypto/src/key-tree.test.ts', 'a wrapped key: each flipped bit, each length, other desktop, account, generation, key: one and the same fault']],
  },
  {
    by: 'device', action: 'a validly signed checkpoint with hostile lengths, 2^40 pages, a decompression bomb, `../` names, hostile device state', outcome: 'limits hold before allocation; QEMU may die in its sandbox; the agent and other desktops live',
    tests: [[hostile, 'a decompression bomb and other lengths than announced are refused'], [hostileWriter, 'a frame of another region, of pages beyond the end, or with a page twice'], [hostileWriter, 'a table that names a frame of another place, length or form'], ['libs/snapshot/src/zstd-frame.test.ts', 'a frame that announces less than it holds is refused while it grows'], ['libs/snapshot/src/codecs.test.ts', 'object keys: each place has one name, and only that is read back'], ['apps/agent/src/machine/state-region.test.ts', 'any bytes are a state or refused'], ['apps/agent/src/machine/command-line.test.ts', 'lets no path pass for an option']],
    notYet: 'device state that is well formed and hostile is not played to a real QEMU',
  },
  {
    by: 'coordinator', action: 'add a device of its own ("ghost") and ask for a key grant', outcome: 'no key is wrapped; alarm',
    tests: [[lies, 'adds a device of its own: the chain is refused, and no key is wrapped for it'], [lies, 'answers a join code with the keys of a device of its own: not approved'], [chain, 'a ghost: nobody but a current device or the recovery key adds a device'], [grants, 'a ghost or a swapped key is granted nothing, and grants nothing']],
  },
  {
    by: 'coordinator', action: 'swap the public key of a real device', outcome: 'refused: the key is in the signed device chain',
    tests: [[lies, 'swaps the public key of a real device: refused'], [chain, 'a key that is swapped in a signed entry is refused, and a swapped device is not trusted']],
  },
  {
    by: 'coordinator', action: 'hide or delay a revocation', outcome: 'grants stop when the newest chain head known is over 10 min old',
    tests: [[lies, 'what the others write says so; a back-dated checkpoint of the revoked device never becomes the head; nothing is granted'], [lies, 'shows an older chain: refused by name'], [grants, 'on a chain that was not confirmed for ten minutes nothing is granted']],
  },
  {
    by: 'coordinator', action: 'show two devices different histories', outcome: 'both alarm at first contact, with both signed heads as evidence',
    tests: [[audit, 'that shows two hosts two pasts is found by both, with both signed heads as evidence'], [lies, 'shows two hosts different histories: both alarm at first contact, with both heads']],
  },
  {
    by: 'coordinator', action: "rewind its log or restore yesterday's database", outcome: 'clients refuse; it refuses to serve until reconciled',
    tests: [[audit, 'is refused by name by a host that saw more, and does not serve from then on'], [auditFlow, 'a database that is rewound alone is found at the start by the head that was signed'], [auditFlow, 'a whole machine that is rewound learns it from the first host that saw more, and stays closed'], [auditFlow, 'does not serve after any edit of leaves, columns, hashes or the size, and names the fault']],
  },
  {
    by: 'coordinator', action: 'grant one desktop twice, reuse an epoch', outcome: "the second holder's proof check fails; provable afterwards",
    tests: [['apps/agent/src/audit/replay.test.ts', 'finds ${what}'], [auditFlow, 'gives a receipt that proves a commit and an acquisition, with what the host had seen'], ['apps/api/src/leases/lease.test.ts', 'whatever happens in whatever order: one holder, epochs never go back or change hands, and no strict lease ends before its term and the margin']],
  },
  {
    by: 'coordinator', action: 'acknowledge without storing', outcome: 'the CLI never prints "safe" without a verified inclusion proof',
    tests: [[audit, 'that drops a commit and answers success is not believed: nobody is told that it is safe, and nothing is given up'], [audit, 'that then tells the truth is believed: the agent has asked again, and the receipt is there']],
  },
  {
    by: 'coordinator', action: 'change QEMU arguments, CPU model, bridge policy, key-derivation parameters', outcome: 'refused unless signed by a device of the user',
    tests: [['apps/agent/src/machine/contract.test.ts', 'any change of its bytes ends in CONTRACT_INVALID or in another contract that is spelled so'], campaign, ['test/src/account/keys-at-rest.test.ts', 'what a hostile file asks of an unlock is refused before it is paid'], ['libs/snapshot/src/prune-policy.test.ts', 'a policy opens as it was signed; every flipped byte, another length, another key and no rule are refused']],
    notYet: 'there is no bridge; the machine contract lies in the signed manifest, which the campaign changes byte by byte',
  },
  {
    by: 'revoked device', action: 'cached credentials and signed URLs', outcome: 'denied within 60 s; its objects never become the head',
    tests: [[revoke, 'after it the host is out: its requests, new URLs; the desktop that it held is free'], ['apps/api/src/leases/offline.flow.ts', 'decides what a revocation does: kept desktops are free at once, strict ones when their guest is over for certain'], [security, 'a revoked host is out at once, with its own keys and for good'], ['apps/api/src/http/http.test.ts', 'a signed URL gives its permission back until it expires']],
  },
  {
    by: 'revoked device', action: 'decrypt checkpoints made after the revocation, with every secret it ever held', outcome: 'fails',
    tests: [[revoke, 'what is written from then on opens with no secret that the host ever held'], [grants, 'every secret of a revoked device opens nothing of the next generation']],
  },
  {
    by: 'revoked device', action: 'sign back-dated entries, enrol again with the old key', outcome: 'refused: position in the chain counts, not time',
    tests: [[chain, 'a revoked device signs nothing, back-dated or not, and never comes back, not even with half of its keys'], [lies, 'what the others write says so; a back-dated checkpoint of the revoked device never becomes the head; nothing is granted']],
  },
  {
    by: 'stale holder', action: 'wakes after a take-over: commits, uploads', outcome: '0 commits; QEMU paused within 500 ms of learning it (strict: of waking); its state kept as a fork',
    tests: [
      ['apps/api/src/leases/take-over.flow.ts', 'of a desktop that is kept happens at once; repeating it answers the same, and everything of the epoch before is fenced'],
      ['apps/api/src/leases/take-over.flow.ts', 'of a strict desktop waits for its term and the margin after the last renewal, whatever the wall clock says'],
      ['apps/api/src/objects/objects.flow.ts', 'are minted for the own lease only, and for keys that are names'],
      ['test/src/takeover/takeover.test.ts', 'the copy left behind stands still within 500 ms of learning it, and is kept whole under a name of its own'],
    ],
  },
  {
    by: 'any device', action: "every route x every role x a foreign desktop's id", outcome: '403/404 with identical bodies',
    tests: [[security, "another account's desktop is no desktop: every route answers as for an id that nobody has"], [security, 'each signed route refuses everybody without a signature']],
  },
  {
    by: 'guest', action: 'malformed frames on every channel it can reach (serial, guest agent, NBD data)', outcome: 'agent alive, memory bounded',
    tests: [['libs/qemu/src/nbd/server.test.ts', 'garbage cuts off that client and no other'], ['libs/qemu/src/nbd/session.test.ts', 'any bytes lead to steps or to a fault of NBD, in every phase'], ['libs/qemu/src/migration/decode.test.ts', 'random bytes end in a fault'], ['libs/qemu/src/qmp/codec.test.ts', 'have a longest line, however it arrives']],
    notYet: 'the guest agent is not spoken to; no test floods the serial line',
  },
  {
    by: 'web', action: 'foreign Origin on a WebSocket, no ticket, expired ticket, revoked session', outcome: 'refused at the handshake; open sockets cut',
    tests: [['apps/api/src/events/events.flow.ts', 'is refused at the handshake without a signature of a current host, or from a page'], ['apps/api/src/events/events.flow.ts', 'a client that talks is cut, a revoked one at once'], ['apps/api/src/operators/pages.flow.ts', 'another site can ask for nothing, whatever cookie its visitor has'], ['apps/api/src/operators/pages.flow.ts', 'a ticket opens one stream, from an own page; news come in order, and the end of the session ends it'], ['apps/api/src/operators/pages.flow.ts', 'a removed operator is cut off at once; a page that talks is cut']],
  },
  {
    by: 'web', action: 'replay a signed request; other method, URL or body; stolen token with another key', outcome: '401, each nonce good once',
    tests: [[security, 'a signature covers host, method, URL, body, time, nonce and coordinator'], [security, 'a signed request is good once, for whoever sends it']],
  },
  {
    by: 'web', action: 'a flood on enrol, login, acquire; 100 MB body; deep JSON; slow body', outcome: '429/413; others barely notice',
    tests: [['apps/api/src/accounts/accounts.flow.ts', 'an address that asks too often is told to wait'], ['apps/api/src/http/http.test.ts', 'a bucket gives its burst, then its rate; one greedy address does not use up the total'], [security, 'bodies that are too large, too deep or no JSON end early'], [security, 'a request that is no HTTP, or never ends, holds nothing up'], ['apps/api/src/operators/pages.flow.ts', 'a flood of visitors is stopped by address, and does not sign anybody out'],
      [rude, 'with more connections than there is room for, which say nothing'], [rude, 'with as many that send headers and bodies and never come to an end'], [rude, 'with bodies that are huge, announced or not: they are refused at their limit'], [rude, 'with a stream of events that it never reads'],
      ['apps/api/src/quotas/quotas.flow.ts', 'changes of the owner at once do not pass it; asking again for what one has is none']],
    notYet: 'signed requests are not limited by rate, but for how often the owners of an account\'s desktops may change; by how much others are slowed down is not measured',
  },
  {
    by: 'web', action: "come in by an OpenID provider as somebody else: with another's answer, a code or state that was changed or used, a name that somebody has, a group that says admin, or before there is an admin", outcome: 'refused, or somebody of their own without a role that was not given here',
    tests: [
      [oidc, 'is ended by the browser that began it, once, and with the answer that belongs to it'], [oidc, 'an answer with ${what} lets nobody in'], [oidc, 'a name is nobody: who has the name of another operator is another operator'],
      [oidc, 'nobody becomes the first operator by it, nor an admin'], [oidc, 'its groups decide between viewer and operator at each sign-in; whom it gives no role stays out'], [oidc, 'what decides over others wants somebody whom the provider has asked anew'],
    ],
    notYet: 'a session lasts its 12 hours, whatever happens to its person at the provider meanwhile',
  },
  {
    by: 'web', action: 'have a coordinator call an address of theirs, or read its password; make up, change or repeat a message to operators; have a name in it do something at its receiver', outcome: 'addresses come from the environment alone, a redirect leads nowhere, no password goes over an open line; messages are signed over their id, time and bytes',
    tests: [[channels, 'what a receiver does not take is not told, whatever it says, and its address is in no fault'], [channels, 'no mail and no password goes over a line that is not sealed, but on this machine'], [channels, 'a webhook gets the message as JSON, signed over its id, its time and its bytes'], ['apps/api/src/notify/message.test.ts', 'what comes from hosts calls nobody, writes no line of its own, and is in no subject']],
    notYet: 'mails are not signed, and a webhook without NOTIFY_WEBHOOK_SECRET_FILE is not either; whether a message is old or comes again is for its receiver to look at',
  },
  {
    by: 'coordinator', action: 'publish in the Redis that replicas share', outcome: 'no key, no right and no checkpoint comes from there: streams end, news is invented that everybody then reads for themselves',
    tests: [['test/src/services/replicas.test.ts', 'renewals at both while it is taken over at either: never is one accepted after the other has it'], ['test/src/services/replicas.test.ts', 'while Redis is away nothing fails open: it says so, strict desktops stay, the others go on; then all is well again']],
    notYet: 'words in Redis are not signed: whoever can publish there can have a strict desktop taken over before its term by a host of its own account (docs/decisions/0021-replicas-ask-each-other.md); it wants a password and a private network',
  },
  {
    by: 'web', action: 'learn from metrics who uses a coordinator; have it log or send on what one likes as the id of a trace', outcome: 'there is no such page where others ask, and no label has a name; an id is 32 hexadecimal digits or not taken',
    tests: [['apps/api/src/metrics/metrics.flow.ts', 'are nowhere unless asked for, and never at the address that everybody reaches'], ['apps/api/src/metrics/metrics.flow.ts', 'count what is asked, refused and moved, and tell how the fleet stands'], ['libs/base/src/traceparent.test.ts', 'what is no traceparent has no trace']],
    notYet: 'whoever reaches the address of the metrics may read them: no secret is asked for (docs/decisions/0023-metrics-on-their-own-address.md)',
  },
  {
    by: 'storage', action: 'damage, cut or remove a part of a backup of the coordinator', outcome: 'nothing of it is restored, and what is wrong is named',
    tests: [['apps/api/src/backup/backup.test.ts', 'restores nothing that is damaged or not whole, and takes no such backup']],
  },
  {
    by: 'operator', action: 'look for a key, a recovery word, a page or a screen of a desktop in whatever the dashboard is sent', outcome: 'none is there: names, states, sizes, times and the log are',
    tests: [['test/src/browser/day.test.ts', 'no key and no recovery word was in anything that a browser was sent']],
  },
  {
    by: 'operator', action: 'act above the own role, with an old sign-in, after a removal; leave nobody who may decide', outcome: 'refused at the next request; the last admin stays',
    tests: [[signIn, 'each route for operators asks for its role, and for a session'], [signIn, 'the last admin stays one; a role holds from the next request on; who is removed is out'], ['test/src/browser/sign-in.test.ts', 'an act that decides who operates asks for the passkey again when the sign-in is old']],
  },
  {
    by: 'operator', action: 'do something and be removed, or deny it', outcome: 'on record with their name, in the transaction that did it; bars of hosts are in the audit log too',
    tests: [['apps/api/src/operators/acts.flow.ts', 'has every act with who did it, also after they are gone, and every viewer may read it'], ['apps/api/src/operators/acts.flow.ts', 'what was refused is not in it, and a long one comes page by page without a gap']],
    notYet: 'whoever owns the database can write another record; no browser can prove this one',
  },
  {
    by: 'coordinator', action: 'forge, change, delay or repeat an order that a desktop come to a host (`godwit move --to`)', outcome: 'nothing arrives: only a signature of a host of the account counts, for this host, this desktop, its epoch, and now',
    tests: [['apps/agent/src/move/arrival.test.ts', 'an order counts only with the signature of a host of the account, for this host, this desktop, its epoch, and now'], ['libs/crypto/src/arrival-order.test.ts', 'every flipped bit, every other length and bytes of no one are refused'], ['apps/agent/src/move/arrival.test.ts', 'hears the same order again after the coordinator was away: it is resumed once']],
  },
  {
    by: 'all', action: "damage, exchange or cut files of a host's cache; kill its agent while it writes there; let the store give it wrong bytes once", outcome: 'never a wrong byte, and no failed resume: it is fetched again',
    tests: [
      ['apps/agent/src/cache/warm-cache.test.ts', 'a file that is ${what} ${when} costs a request, and is mended'],
      ['apps/agent/src/cache/warm-cache.test.ts', 'asks the original for what did not open, and has that from then on'],
      ['test/src/cache/killed-cache.test.ts', 'gives nothing but the truth, ${rounds} times over, whatever of the last writes the disk has'],
      ['test/src/e2e/faults-store.test.ts', '${what}: verify lists it, an eager resume is refused and leaves nothing, a lazy one is lost and says why'],
    ],
  },
  {
    by: 'all', action: 'terminal and log control bytes in desktop, host and user names', outcome: 'escaped in logs, CLI and dashboard',
    tests: [['libs/base/src/log.test.ts', 'control bytes arrive escaped from every place a text can stand in'], ['libs/base/src/text.test.ts', 'leaves nothing that a terminal obeys in any text, and changes nothing twice'], ['libs/wire/src/values.test.ts', 'names, keys and numbers: what is accepted and what is not'], ['libs/crypto/src/chain-entry.test.ts', 'a name that is taken prints as it is; control characters and half surrogates are refused']],
    notYet: 'the dashboard writes text as text and takes no name with control bytes; no test puts one into its database',
  },
  {
    by: 'all', action: 'look for 1,000 canaries planted in guest RAM, guest disk and keys in every stored byte, log line and database row', outcome: '0 found',
    tests: [['test/src/canary/search.test.ts', 'finds each one in every form, at any place, and none that is not there'], ['test/src/canary/search.test.ts', 'finds them in what is compressed but not sealed, so that a store without a seal would be found']],
    notYet: 'the whole life takes a minute and is `npm run test:canary`; `npm test` holds the search alone',
  },
];

/** With the tests that the tests of accounts and keys name for the same rows. */
export const rows: readonly Row[] = plan.map((row) => {
  const named = accountRows.filter(({ by, action }) => by === row.by && action === row.action).flatMap(({ tests }) => tests.map(({ file, name }): NamedTest => [file, name]));
  const unknown = named.filter(([file, name]) => !row.tests.some(([ownFile, ownName]) => ownFile === file && ownName === name));
  return { ...row, tests: [...row.tests, ...unknown] };
});
