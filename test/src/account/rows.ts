export interface Row {
  readonly by: string;
  readonly action: string;
  readonly tests: readonly { readonly file: string; readonly name: string }[];
}

const coordinator = 'test/src/account/coordinator.test.ts';
const revoke = 'test/src/account/revoke.test.ts';
const grants = 'libs/crypto/src/grants.test.ts';
const keyTree = 'libs/crypto/src/key-tree.test.ts';
const deviceChain = 'libs/crypto/src/device-chain.test.ts';
const accountsApi = 'apps/api/src/accounts/revoke.flow.ts';
const hidden = { file: coordinator, name: 'what the others write says so; a back-dated checkpoint of the revoked device never becomes the head; nothing is granted' };

export const rows: readonly Row[] = [
  {
    by: 'storage',
    action: 'serve an older complete checkpoint as the newest',
    tests: [{ file: coordinator, name: 'shows an older checkpoint, another one in its place, or none: refused, naming the sequence that was seen' }],
  },
  {
    by: 'storage',
    action: 'wrapped key: flip, swap between desktops, replay an older generation',
    tests: [
      { file: coordinator, name: 'flips a wrapped key, swaps it with another desktop, replays an older one: one and the same fault' },
      { file: keyTree, name: 'a wrapped key: each flipped bit, each length, other desktop, account, generation, key: one and the same fault' },
      { file: keyTree, name: 'what an account key of an older generation wraps never passes for a desktop key of a later one' },
    ],
  },
  {
    by: 'coordinator',
    action: 'add a device of its own ("ghost") and ask for a key grant',
    tests: [
      { file: coordinator, name: 'adds a device of its own: the chain is refused, and no key is wrapped for it' },
      { file: coordinator, name: 'answers a join code with the keys of a device of its own: not approved' },
      { file: grants, name: 'a ghost or a swapped key is granted nothing, and grants nothing' },
    ],
  },
  {
    by: 'coordinator',
    action: 'swap the public key of a real device',
    tests: [{ file: coordinator, name: 'swaps the public key of a real device: refused' }],
  },
  {
    by: 'coordinator',
    action: 'hide or delay a revocation',
    tests: [hidden, { file: coordinator, name: 'shows an older chain: refused by name' }, { file: grants, name: 'on a chain that was not confirmed for ten minutes nothing is granted' }],
  },
  {
    by: 'coordinator',
    action: 'show two devices different histories',
    tests: [{ file: coordinator, name: 'shows two hosts different histories: both alarm at first contact, with both heads' }],
  },
  {
    by: 'coordinator',
    action: "rewind its log or restore yesterday's database",
    tests: [{ file: 'test/src/account/rewind.test.ts', name: 'a coordinator whose whole folder was put back to an earlier day is refused by who saw the later one' }],
  },
  {
    by: 'revoked device',
    action: 'cached credentials and signed URLs',
    tests: [
      { file: revoke, name: 'after it the host is out: its requests, new URLs; the desktop that it held is free' },
      { file: revoke, name: 'a signed URL from before the revocation ends within its 60 s; an open event stream at once' },
      { file: accountsApi, name: 'a revoked host is out: no request, no new URL, and what it held is free for the others' },
    ],
  },
  {
    by: 'revoked device',
    action: 'decrypt checkpoints made after the revocation, with every secret it ever held',
    tests: [
      { file: revoke, name: 'what is written from then on opens with no secret that the host ever held' },
      { file: grants, name: 'every secret of a revoked device opens nothing of the next generation' },
    ],
  },
  {
    by: 'revoked device',
    action: 'sign back-dated entries, enrol again with the old key',
    tests: [
      { file: deviceChain, name: 'a revoked device signs nothing, back-dated or not, and never comes back, not even with half of its keys' },
      { file: revoke, name: 'with its old keys it does not come back: not by a join, not by an entry of its own' },
      hidden,
    ],
  },
];
