/**
 * The catalogue of faults: every code Godwit can answer with, its kind, and what to do about it.
 * `docs/errors.md` is kept equal to this table by a test (`test/src/tidy`). One line per code, grouped by floor.
 */

/**
 * What the receiver of a fault has to do, which is the only thing callers may branch on:
 * - `invalid`      the request is wrong; change it
 * - `denied`       the caller may not do this
 * - `conflict`     the state of things forbids it now; look, then decide
 * - `fenced`       another host owns the desktop; stop at once and for good
 * - `unavailable`  something is out of reach or full; the same call may succeed later
 * - `corrupt`      bytes are not what they must be; never use them
 * - `internal`     a defect of Godwit
 */
export type FaultKind = 'invalid' | 'denied' | 'conflict' | 'fenced' | 'unavailable' | 'corrupt' | 'internal';

export interface FaultEntry {
  readonly kind: FaultKind;
  /** What happened, in lower case, without a period: it is printed after `godwit: error:`. */
  readonly title: string;
  /** The next step, printed after `godwit: hint:`. */
  readonly hint: string;
}

const entry = (kind: FaultKind, title: string, hint: string): FaultEntry => ({ kind, title, hint });

export const faultCodes = {
  // libs/base
  INTERNAL: entry('internal', 'a defect of Godwit', 'report it with the log of the agent or the coordinator'),
  CANCELLED: entry('conflict', 'the operation was cancelled', 'start it again when you are ready'),
  CALLER_LEFT: entry('conflict', 'you left before the agent had ended it', 'the agent goes on with it; see `godwit status`'),
  BYTES_TRUNCATED: entry('corrupt', 'the bytes end too early', 'the object or message is damaged; check where it comes from'),
  VALUE_OUT_OF_RANGE: entry('invalid', 'a value is outside its range', 'use a value in the range that is named'),
  // apps/agent: the agent and its CLI
  AGENT_UNREACHABLE: entry('unavailable', 'no agent runs here', 'start it with `godwit agent`, or set GODWIT_HOME to the home of one that runs'),
  AGENT_DENIED: entry('denied', 'the agent belongs to another user', 'run this command as the user that runs the agent'),
  AGENT_LOST: entry('unavailable', 'the agent went away before it answered', 'the outcome is not known: start `godwit agent` again and look at `godwit status`'),
  AGENT_RUNS_ALREADY: entry('conflict', 'an agent runs in this home already', 'use that one, or set GODWIT_HOME to another directory'),
  CONTROL_LINE_TOO_LONG: entry('invalid', 'a line on the control socket is too long', 'command and agent may be of different versions'),
  CONTROL_REQUEST_INVALID: entry('invalid', 'the agent does not understand the request', 'command and agent may be of different versions; restart the agent'),
  ARGUMENT_INVALID: entry('invalid', 'an argument is not valid', 'see `godwit --help`'),
  HOME_PATH_TOO_LONG: entry('invalid', 'the path of the home is too long for sockets below it', 'set GODWIT_HOME to a shorter path'),
  HOME_UNUSABLE: entry('unavailable', 'the home of the agent cannot be used', 'give the agent a directory it may write and, as root, one that every user may pass through'),
  RECORD_DAMAGED: entry('corrupt', 'a file of the agent is damaged', 'nothing was changed; restore the file, or move it away and resume the desktop from the store'),
  DISK_FULL: entry('unavailable', 'the disk of this host is full', 'free some space, then do it again'),
  // apps/agent: account
  NOT_ENROLLED: entry('conflict', 'this host belongs to no account yet', 'run `godwit init` for a new account, or `godwit join` for one you have'),
  ENROLLED_ALREADY: entry('conflict', 'this host belongs to an account already', 'see `godwit hosts`'),
  JOIN_REFUSED: entry('denied', 'the join was refused', 'ask the person who refused it'),
  JOIN_EXPIRED: entry('unavailable', 'nobody approved the join in time', 'run `godwit join` again and type its code on a trusted host'),
  ACCOUNT_OTHER: entry('denied', 'the account that let this machine in is not the one that was meant', 'nothing was saved here; if you know that account, `godwit revoke` this machine there, and join again'),
  JOIN_CODE_WRONG: entry('denied', 'the coordinator named a machine that does not fit the code', 'check the code; if it is right, do not trust this coordinator'),
  COORDINATOR_UNREACHABLE: entry('unavailable', 'the coordinator cannot be reached', 'check the network and that the coordinator runs'),
  LOCKED: entry('denied', 'this host is locked', 'give its passphrase with `godwit unlock`'),
  PASSPHRASE_WRONG: entry('denied', 'the passphrase is wrong', 'try again; without it this host has to be enrolled anew with `godwit join` or `godwit recover`'),
  PASSPHRASE_UNUSED: entry('invalid', 'the keys of this host are not under a passphrase', 'nothing has to be unlocked; see `godwit doctor`'),
  KEYS_SEALED: entry('unavailable', 'the keys of this host cannot be unsealed', 'look at `systemd-creds` on this machine; if its key is gone for good, enrol this host anew with `godwit join` or `godwit recover`'),
  HOST_AMBIGUOUS: entry('invalid', 'several hosts of the account are meant by this', 'give the id that `godwit hosts` shows'),
  HEAD_ROLLED_BACK: entry('conflict', 'the desktop is shown with another past than this host has seen', 'the coordinator hides or exchanges checkpoints: compare `godwit history` on another host before going on'),
  KEY_GENERATION_OLD: entry('conflict', 'the checkpoint is sealed under a key from before a revocation', 'nothing was lost: do it again, the newest key is used then'),
  REKEY_INCOMPLETE: entry('conflict', 'some keys could not be wrapped again', 'ask a host that holds the older account keys to run `godwit rekey`'),
  // apps/agent: desktops
  DESKTOP_BUSY: entry('conflict', 'another operation on this desktop is under way', 'wait until it is done; see `godwit status`'),
  DESKTOP_FREE: entry('conflict', 'the desktop is suspended and safe in the store', 'resume it first with `godwit resume`'),
  DESKTOP_SAVED: entry('conflict', 'the desktop is suspended and saved on this machine', 'go on with it by `godwit resume`'),
  DESKTOP_HERE: entry('conflict', 'the desktop is on this host already', 'see `godwit status`'),
  DESKTOP_RUNNING: entry('conflict', 'the desktop runs already', 'see `godwit status`'),
  DESKTOP_NOT_RUNNING: entry('conflict', 'the desktop does not run', 'start it first with `godwit start`'),
  SCREEN_MISSING: entry('conflict', 'the desktop runs without a screen that can be shown', 'an older version started its machine: `godwit suspend` and `godwit resume` give it one'),
  VIEWS_FULL: entry('unavailable', 'too many windows look at desktops of this host', 'close some of them'),
  DESKTOP_FILLING: entry('unavailable', 'the desktop still fetches what it needs to stand alone', 'wait until `godwit status` says running'),
  DESKTOP_LOST: entry('conflict', 'the machine of this desktop ended before it had everything', 'resume it again with `godwit resume`: it goes on from its last checkpoint'),
  DESKTOP_NEVER_SAVED: entry('conflict', 'the desktop has no checkpoint yet', 'start and suspend it on the host that created it'),
  WAIT_TIMED_OUT: entry('unavailable', 'the desktop has not come so far in time', 'it may still come; see `godwit status`'),
  COMMIT_UNKNOWN: entry('unavailable', 'it is not known whether the checkpoint was committed', 'do not close the lid: the guest stays paused and the agent asks again; see `godwit status`'),
  CONTRACT_INVALID: entry('corrupt', 'the machine contract is malformed', 'the checkpoint was not written by this version of Godwit; do not use it'),
  HOST_UNFIT: entry('conflict', 'this host cannot run the desktop', 'resume it on a host that offers what is named'),
  IMAGE_UNUSABLE: entry('invalid', 'the disk image cannot be used', 'give an image that `qemu-img info` reads'),
  QEMU_MISSING: entry('unavailable', 'QEMU is not installed', 'install qemu-system-x86 and qemu-utils'),
  QEMU_USER_MISSING: entry('unavailable', 'the user that QEMU runs as does not exist', 'create it: useradd --system --no-create-home --shell /usr/sbin/nologin godwit-qemu'),
  QEMU_ENDED: entry('unavailable', 'QEMU ended', 'read the log of QEMU in the folder of the desktop'),
  QEMU_SILENT: entry('unavailable', 'QEMU is there and does not answer', 'it may be stopped or very busy: wait, or end it with `godwit stop --force`'),
  QEMU_STUCK: entry('unavailable', 'QEMU does not end', 'the kernel holds it, which is mostly a disk that does not answer; nothing of its desktop is touched until it is gone'),
  CAPTURE_FAILED: entry('internal', 'QEMU did not hand over the state', 'the guest runs on here; read the log of the agent'),
  SNAPSHOT_REFUSED: entry('conflict', 'QEMU cannot capture a guest behind its back here', 'captures by pre-copy are taken instead; `godwit doctor` says what userfaultfd is missing'),
  LOAD_FAILED: entry('internal', 'QEMU did not take the state', 'the desktop is free again; read the log of the agent'),
  // libs/qemu: QMP
  QMP_UNREACHABLE: entry('unavailable', "QEMU's control socket cannot be reached", "look at QEMU's own output in the log; it may have refused to start"),
  QMP_DISCONNECTED: entry('unavailable', 'QEMU closed its control socket', "QEMU has ended; look at its own output in the log"),
  QMP_COMMAND_FAILED: entry('conflict', 'QEMU refused a command', "the text is QEMU's own; it says what stands in the way"),
  QMP_PROTOCOL: entry('corrupt', 'the control socket does not speak QMP', 'check that the socket belongs to a supported QEMU'),
  QMP_TIMEOUT: entry('unavailable', 'QEMU did not answer in time', 'the machine may be overloaded; look at what QEMU is doing, then try again'),
  // libs/qemu: migration stream
  MIGRATION_CORRUPT: entry('corrupt', 'the migration stream is not well-formed', 'never load it; capture again, or resume from an older checkpoint'),
  MIGRATION_OVERSIZED: entry('corrupt', 'a length in the migration stream is over its limit', 'never load it; the limit and its reason stand beside the decoder'),
  MIGRATION_TRUNCATED: entry('corrupt', 'the migration stream ended too early', 'QEMU gave up or died; ask query-migrate and look at its log'),
  MIGRATION_UNSUPPORTED: entry('invalid', 'the migration stream uses something outside the machine contract', 'switch that capability or device off; only plain RAM pages and device state are understood'),
  // libs/qemu: NBD
  NBD_MESSAGE_BAD: entry('invalid', 'an NBD client broke the protocol', 'it was cut off; check which program connects to the socket of the disk'),
  NBD_LIMIT_EXCEEDED: entry('invalid', 'an NBD client went over a limit', 'it was cut off; check which program connects to the socket of the disk'),
  NBD_BACKEND_BAD: entry('internal', 'the backend of an NBD export gave a wrong answer', 'report it with the log of the agent'),
  NBD_SOCKET_UNUSABLE: entry('unavailable', 'the NBD socket cannot be listened on', 'look at the directory of the socket: free space, rights, and the length of its path'),
  // libs/wire
  COORDINATOR_ANSWER_REFUSED: entry('corrupt', 'the coordinator answered something that is not in the protocol', 'check that the URL is a Godwit coordinator of this version and that no proxy answers for it'),
  // apps/api: requests
  REQUEST_INVALID: entry('invalid', 'the request is not well-formed', 'see docs/protocol.md or /docs for its form; agent and coordinator may be of different versions'),
  REQUEST_TOO_LARGE: entry('invalid', 'the request is larger than its limit', 'send less at once'),
  REQUEST_TIMED_OUT: entry('unavailable', 'the request did not arrive in time', 'the network is slow or broken; try again'),
  REQUEST_UNSIGNED: entry('denied', 'the request is not signed', 'sign it with the device key of an enrolled host'),
  REQUEST_SIGNATURE_REFUSED: entry('denied', 'the signature of the request does not hold', 'check the clock of this machine; a proxy must not change method, URL or body'),
  REQUEST_REPLAYED: entry('denied', 'the request was seen before', 'sign each request afresh; if you did, somebody repeats your requests'),
  ROUTE_NOT_FOUND: entry('invalid', 'the coordinator has no such route', 'see /docs for the routes; agent and coordinator may be of different versions'),
  RATE_LIMITED: entry('unavailable', 'too many requests of this kind', 'wait a minute, then try again'),
  // apps/api: operators
  INVITE_REFUSED: entry('denied', 'the one-time code does not hold', 'codes are good once and for a day; ask an admin for another, or print one on the coordinator with `godwit-coordinator invite`'),
  PASSKEY_REFUSED: entry('denied', 'the passkey does not hold', 'take the passkey that was made for this coordinator; if it is lost, ask an admin for a new code'),
  OIDC_REFUSED: entry('denied', 'the sign-in with the OpenID provider does not hold', 'begin again at the sign-in page; if it stays, ask an admin whether the provider gives you a role here, or for a one-time code'),
  OIDC_UNAVAILABLE: entry('unavailable', 'the OpenID provider cannot be asked', 'try again; sign in with a passkey meanwhile, and have an admin look at GODWIT_OIDC_ISSUER and the way there'),
  SESSION_MISSING: entry('denied', 'nobody is signed in', 'sign in with your passkey'),
  SESSION_STALE: entry('denied', 'the last sign-in is too long ago for this', 'sign in again with your passkey, then repeat it'),
  SESSION_NOT_FOUND: entry('conflict', 'there is no such session', 'it has ended already'),
  ROLE_TOO_LOW: entry('denied', 'the role does not allow this', 'ask an admin'),
  ORIGIN_REFUSED: entry('denied', "the request does not come from the coordinator's own page", 'open the dashboard at the address that the coordinator was started with'),
  TICKET_REFUSED: entry('denied', 'the ticket does not hold', 'tickets are good once and for 30 s; ask for another'),
  DEAD_LETTER_NOT_FOUND: entry('conflict', 'no such job is given up any more', 'look again: it has ended well since, or somebody put it away'),
  ATTENTION_NOT_FOUND: entry('conflict', 'this needs nobody any more', 'read the list again'),
  OPERATOR_NOT_FOUND: entry('conflict', 'there is no such operator', 'read the list again'),
  OPERATOR_LAST_ADMIN: entry('conflict', 'it is the only admin', 'make another operator an admin first'),
  ACCOUNT_NOT_FOUND: entry('conflict', 'there is no such account', 'read the list again'),
  HOST_BARRED: entry('denied', 'an operator of the coordinator keeps this host out', 'ask the operator why; what was committed is safe'),
  // apps/api: accounts, hosts, joins
  HOST_UNKNOWN: entry('denied', 'the coordinator does not know this host', 'enrol it with `godwit init` or `godwit join`; if it was enrolled, it talks to another coordinator'),
  HOST_REVOKED: entry('denied', 'this host was revoked', 'join again with a new identity if that was not intended'),
  ACCOUNT_EXISTS: entry('conflict', 'this account or host exists already', 'use `godwit join` to add a machine to an account'),
  CHAIN_MOVED: entry('conflict', 'the device chain has grown in between', 'read the chain, check it, and make the entry again'),
  CHAIN_FULL: entry('conflict', 'the device chain has reached its limit', 'no more devices can be added to this account'),
  GRANTS_MISSING: entry('invalid', 'a revocation without the new account key for everybody who stays', 'read the chain again and grant the new key to each remaining host and to the recovery key'),
  WRAPPED_KEY_EXISTS: entry('conflict', 'the desktop has another key of this generation', 'read the desktop again and use the key that is there'),
  JOIN_NOT_FOUND: entry('invalid', 'no machine with this code waits to join', 'check the code; codes last ten minutes, then `godwit join` has to be started again'),
  JOIN_DECIDED: entry('conflict', 'this join was decided already', 'look at `godwit hosts`; start `godwit join` again if the machine is not there'),
  JOINS_FULL: entry('unavailable', 'too many machines wait to join', 'wait ten minutes, then try again'),
  // apps/api: desktops, leases, checkpoints
  DESKTOP_NOT_FOUND: entry('invalid', 'there is no such desktop', 'see `godwit status` for the desktops of this account'),
  DESKTOP_NAME_TAKEN: entry('conflict', 'the account has a desktop of this name', 'choose another name'),
  QUOTA_DESKTOPS: entry('conflict', 'the account has as many desktops as it may', 'ask the operator of the coordinator for more'),
  QUOTA_BYTES: entry('conflict', 'the account has as many bytes in the store as it may', 'drop old checkpoints with `godwit prune`, or ask the operator of the coordinator for more'),
  QUOTA_MOVES: entry('conflict', 'the desktops of the account change their hosts too often', 'wait for the time that is named, or ask the operator of the coordinator for more'),
  DESKTOP_HELD_ELSEWHERE: entry('conflict', 'another host owns the desktop', 'suspend it there first'),
  EPOCH_FENCED: entry('fenced', "the epoch is not the desktop's current one", 'stop the guest here; its state can only become a fork'),
  HEAD_MOVED: entry('conflict', "the desktop's head is another checkpoint", 'read the desktop again and plan from its newest checkpoint'),
  COMMIT_ID_REUSED: entry('conflict', 'this commit id stands for another checkpoint', 'make a new commit id per checkpoint'),
  COMMIT_REFUSED: entry('invalid', 'the manifest does not belong to this commit', 'commit the manifest that was made for this desktop, host and epoch'),
  COMMIT_PACK_MISSING: entry('conflict', 'a pack of the manifest is not in the store as the manifest says', 'upload it, then commit again'),
  CHECKPOINT_NOT_FOUND: entry('invalid', 'there is no such checkpoint', 'see `godwit history` for the checkpoints of this desktop'),
  // leases, take-over, offline
  LEASE_NOT_OVER: entry('conflict', 'the desktop is strict and its holder may still run it', 'wait as long as is named, then take it over; it takes longer if the holder is heard of again'),
  LEASES_KEPT_ELSEWHERE: entry('unavailable', 'another coordinator on this database keeps the leases of strict desktops', 'ask again in a moment; without REDIS_URL only one coordinator can, the one that started last: stop one of the two'),
  LEASE_UNCONFIRMED: entry('unavailable', 'the desktop is strict and the coordinator has not confirmed its lease', 'it goes on by itself when the coordinator is in reach; see `godwit status`'),
  HOLDER_IN_REACH: entry('conflict', 'the holder was asked to suspend the desktop and did not', 'suspend it there, or give up what it did with `godwit takeover NAME --without-asking`'),
  HOST_OUT_OF_REACH: entry('unavailable', 'that host is out of reach', 'start its agent, or name another host; see `godwit hosts`'),
  ARRIVAL_REFUSED: entry('conflict', 'that host does not take the desktop', 'nothing was changed; name another host, or mend what it lacks'),
  ARRIVAL_FAILED: entry('conflict', 'the desktop left here and did not arrive there', 'it is safe in the store: resume it on any host, see `godwit status`'),
  DESKTOP_SUPERSEDED: entry('fenced', 'the desktop was taken over elsewhere', 'what was here is kept as a desktop of its own; see `godwit status`'),
  GUARD_LOST: entry('unavailable', 'the guard of a strict desktop does not run', 'the guest was paused; read the log of the agent'),
  // apps/api: prune, forks
  POLICY_OUTDATED: entry('conflict', 'a later policy is stored', 'look at it with `godwit prune NAME --dry-run` or `godwit status`; check the clock of this machine'),
  FORK_REFUSED: entry('invalid', 'the manifest is not a fork of that checkpoint', 'fork again with `godwit fork`; agent and coordinator may be of different versions'),
  DESKTOP_IN_USE: entry('conflict', 'a host holds the desktop', 'suspend it there first'),
  // apps/api: the audit log
  LEAF_NOT_FOUND: entry('invalid', 'the audit log has no such leaf', 'what it would prove did not happen here; look at `godwit status` and `godwit audit`'),
  LOG_UNSOUND: entry('unavailable', "the coordinator's audit log does not verify", 'its database was edited or damaged: its operator has to restore it (docs/protocol.md, "Audit log")'),
  LOG_REWOUND: entry('unavailable', "the coordinator's audit log is older than what it signed", 'its database was rewound: its operator has to restore the newest one (docs/protocol.md, "Audit log")'),
  // apps/agent: the audit log
  LOG_ROLLED_BACK: entry('conflict', 'the audit log is older than one that this host saw', 'the coordinator lost or hides what happened: both heads are kept as evidence; ask its operator before going on'),
  LOG_FORKED: entry('conflict', 'two audit logs of one coordinator contradict each other', 'the coordinator shows different histories: both heads are kept as evidence; ask its operator before going on'),
  COMMIT_UNPROVEN: entry('unavailable', 'the checkpoint was acknowledged but not proven', 'do not close the lid: the guest stays paused and the agent asks again; see `godwit status`'),
  RECEIPT_INVALID: entry('corrupt', 'the receipt cannot be read', 'give the file as `godwit suspend` left it'),
  // apps/api: objects
  URL_REFUSED: entry('denied', 'the signed URL is not valid for this request', 'use the URL exactly as it was given, with its method'),
  URL_EXPIRED: entry('denied', 'the signed URL has expired', 'ask for a new one'),
  OBJECT_KEY_REFUSED: entry('denied', 'the object key does not belong to this desktop, epoch and host', 'use keys of the own lease only'),
  OBJECT_NOT_FOUND: entry('invalid', 'the store has no such object', 'if a checkpoint names it, data is missing: run `godwit verify`'),
  OBJECT_EXISTS: entry('conflict', 'the store has an object of this key', 'objects are written once; choose a new key'),
  OBJECT_LENGTH_REFUSED: entry('invalid', 'the object has another length than its URL allows', 'send exactly the bytes that were announced'),
  OBJECT_DIGEST_REFUSED: entry('corrupt', 'the object has another digest than its URL allows', 'the bytes changed on their way; send them again'),
  OBJECT_LOCKED: entry('conflict', 'the store keeps the object against deletion', 'nothing is wrong: it is deleted when its lock has ended'),
  OBJECT_RANGE_REFUSED: entry('invalid', 'the range lies outside the object', 'ask for a range inside it'),
  STORE_FULL: entry('unavailable', 'the object directory cannot be written', "free space in the coordinator's data directory, then try again"),
  STORE_UNFIT: entry('unavailable', 'the bucket does not do what Godwit needs', 'see `godwit-coordinator store check`'),
  // apps/api: the coordinator itself
  DATABASE_UNAVAILABLE: entry('unavailable', 'the database cannot be reached', 'the coordinator tries again by itself; see its log if it lasts'),
  REDIS_UNAVAILABLE: entry('unavailable', 'the Redis that the coordinators share cannot be reached', 'the coordinator tries again by itself; see its log if it lasts'),
  COORDINATOR_OPTIONS: entry('invalid', 'the coordinator was started with something it does not understand', 'see `godwit-coordinator --help`'),
  COORDINATOR_STOPPING: entry('unavailable', 'this coordinator is about to stop', 'ask again: another replica answers, or this one when it was started anew'),
  COORDINATOR_RUNNING: entry('conflict', 'another coordinator uses this data directory', 'stop it first, or give this one another --data'),
  COORDINATOR_LISTEN_FAILED: entry('unavailable', 'the coordinator cannot listen on its address', 'choose another with --listen, or stop what uses it'),
  DATA_DIRECTORY_REFUSED: entry('invalid', 'the data directory cannot be used', 'give another one with --data'),
  POSTGRES_MISSING: entry('unavailable', 'no PostgreSQL server program was found', 'install the package postgresql, or set DATABASE_URL to a server'),
  POSTGRES_FAILED: entry('unavailable', 'the private PostgreSQL did not start', "see postgres.log in the coordinator's data directory"),
  NOTIFY_FAILED: entry('unavailable', 'operators could not be told outside', 'see that the receiver is there and takes it: `godwit-coordinator notify --test`; it is told again by itself'),
  BACKUP_REFUSED: entry('invalid', 'this cannot be backed up or restored like that', 'see `godwit-coordinator backup --help`; nothing was changed'),
  BACKUP_INCOMPLETE: entry('unavailable', 'the backup is not whole', 'nothing of it is used: look at what is named, then try again, or take another backup'),
  DATABASE_SCHEMA_REFUSED: entry('conflict', "the database's schema cannot be brought up to date", 'a newer coordinator may have used it; start that version or restore a backup'),
  // libs/crypto: the audit log
  LOG_PROOF_INVALID: entry('corrupt', 'a proof of the audit log does not hold', 'do not trust the coordinator that made it; run `godwit audit` on another host too'),
  LOG_LEAF_INVALID: entry('corrupt', 'a leaf of the audit log is malformed', 'do not trust the coordinator that served it; run `godwit audit` on another host too'),
  LOG_WITNESS_INVALID: entry('corrupt', "a host's word about the audit log does not hold", 'do not trust the coordinator that served it; run `godwit audit` on another host too'),
  TREE_HEAD_INVALID: entry('corrupt', 'the head of the audit log is not signed by the log key that was learnt', 'somebody else answers for the coordinator, or it has another log now; compare with another host before going on'),
  // libs/crypto
  SEAL_BROKEN: entry('corrupt', 'sealed bytes do not open', 'the object was changed or belongs elsewhere; run `godwit verify` on the desktop'),
  SIGNATURE_INVALID: entry('denied', 'a signature does not hold', 'do not use these bytes; check which device and which account they come from'),
  GRANT_INVALID: entry('denied', 'a wrapped key is refused', 'ask a trusted device of the account to grant the key again'),
  GRANT_REFUSED: entry('denied', 'the account key is not granted', 'check `godwit hosts`: only a device in the chain is given keys'),
  CHAIN_STALE: entry('unavailable', 'the device chain known here is too old to grant a key on', 'connect to the coordinator and try again'),
  CHAIN_ENTRY_INVALID: entry('corrupt', 'an entry of the device chain is malformed', 'do not trust the coordinator that served it; compare `godwit hosts` on another device'),
  CHAIN_BROKEN: entry('corrupt', 'the entries of the device chain do not follow each other', 'do not trust the coordinator that served them; compare `godwit hosts` on another device'),
  CHAIN_SIGNER_REFUSED: entry('denied', 'an entry of the device chain has a signer without the right to it', 'sign with a trusted device or with the recovery words'),
  CHAIN_ROLLED_BACK: entry('conflict', 'the device chain is older than one that was seen before', 'the coordinator hides entries: compare `godwit hosts` on another device before going on'),
  CHAIN_FORKED: entry('conflict', 'two device chains of one account contradict each other', 'keep both heads as evidence and compare `godwit hosts` on another device before going on'),
  DEVICE_REVOKED: entry('denied', 'this device was revoked', 'make new device keys with `godwit join`; a revoked key never comes back'),
  DEVICE_UNKNOWN: entry('invalid', 'no such device in the account', 'see `godwit hosts` for the devices of the account'),
  DEVICE_EXISTS: entry('conflict', 'a key is in the device chain already', 'make new device keys with `godwit join`'),
  DEVICE_LAST: entry('conflict', 'the last device cannot revoke itself', 'add another device first, or revoke with the recovery words'),
  DEVICE_KEYS_DAMAGED: entry('corrupt', 'the file of device keys is damaged', 'restore it, or join again with new device keys'),
  PUBLIC_KEY_WEAK: entry('invalid', 'a public key is not one that Godwit makes', 'make the device keys again; do not trust where these came from'),
  RECOVERY_WORDS_WRONG: entry('invalid', 'the recovery words are wrong', 'check the words and their order against the paper'),
  REQUEST_TIME_SKEWED: entry('denied', 'the request was signed too early or too late', 'set the clock of this machine and try again'),
  // libs/snapshot
  // OBJECT_EXISTS, which the stores of this floor throw, is listed under apps/api
  OBJECT_MISSING: entry('unavailable', 'the store does not have the object', 'check the store; `godwit verify` lists everything that is missing'),
  OBJECT_SHORT: entry('corrupt', 'an object in the store is not as long as it must be', 'it was cut or replaced; restore it from a replica, or resume an older checkpoint'),
  STORE_UNAVAILABLE: entry('unavailable', 'the store is out of reach or full', 'look at the network, the store and its free space, then try again'),
  STORE_DENIED: entry('denied', 'the store refuses this operation', 'check that this host still holds the desktop and is not revoked'),
  DATA_MISSING: entry('unavailable', 'objects of a checkpoint are missing from the store', 'bring them back from a replica, or fork an older checkpoint'),
  PACK_CORRUPT: entry('corrupt', 'a pack is not what its writer sealed', 'never use it; restore it from a replica, or resume an older checkpoint'),
  FRAME_CORRUPT: entry('corrupt', 'a frame is not what its writer sealed', 'never use it; restore its pack from a replica, or resume an older checkpoint'),
  TABLE_CORRUPT: entry('corrupt', 'the page table of a checkpoint contradicts itself', 'never use it; resume an older checkpoint'),
  ORDER_INVALID: entry('corrupt', 'the arrival order is not what its writer signed', 'nothing was resumed; agent and coordinator may be of different versions'),
  POLICY_INVALID: entry('corrupt', 'the policy is not what its writer signed', 'nothing was changed; make it again with `godwit prune` or `godwit policy`'),
  MANIFEST_INVALID: entry('corrupt', 'the manifest is not what its writer signed', 'never use it; ask the coordinator for the head again'),
} as const satisfies Record<string, FaultEntry>;

export type FaultCode = keyof typeof faultCodes;
