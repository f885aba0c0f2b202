/**
 * Rules that can be broken on purpose, one at a time. A simulation that does not notice is too weak. Each says what the right rule is
 * there for.
 */
export const brokenRules = {
  'take-over-ignores-the-term': 'a strict desktop may be taken over while its holder still runs it by right',
  'no-re-arm-after-restart': 'a coordinator that was restarted takes every strict lease for over',
  'deadline-from-the-answer': 'the term begins when the answer comes, not before the question was sent',
  'deadline-on-the-working-clock': 'sleep does not count towards the deadline',
  'guard-never-kills': 'the guard pauses, and that is all',
  'guard-never-acts': 'the guard looks on',
  'commit-not-fenced': 'a commit on the head is taken in any epoch, from anybody',
  'write-not-fenced': 'URLs to write are minted for any epoch',
  'commit-not-idempotent': 'the same commit again is judged anew',
  'unknown-commit-taken-for-failed': 'the guest runs on when no answer came',
  'word-about-a-request-taken-for-word-about-the-commit': 'a refused signature, a replay or a wrong clock counts as the refusal of a commit that was sent before',
  'commit-sent-before-the-record': 'an agent that ends forgets that a commit may have happened',
  'cleared-before-known': 'what was here is removed when the commit was sent',
  'safe-without-proof': '"safe" is said when the packs are stored',
  'release-apart-from-the-commit': 'the lease is given up in a second transaction',
  'superseded-is-not-final': 'a late answer brings back an epoch that is over',
  'answer-from-before-sleep-counts': 'what was answered before the machine slept lets the guest go on',
  'wake-goes-unnoticed': 'the guest goes on after sleep without a question',
  'epoch-taken-up-again': 'a host that holds a desktop of which nothing is there goes on in the same epoch, although a release of it may be under way',
  'revocation-ends-the-term': "a revoked host's strict desktop is free at once",
  'collects-what-may-be-committed': 'objects of an epoch that is current are collected, and a commit does not look',
  'saved-state-resumed-twice': 'the record says "saved" while the guest already runs from it',
  'silent-machine-is-asked-at-leisure': 'a QEMU that was stopped when its agent started is asked every 2 s whether it answers',
  'forks-before-the-commit-is-known': 'a host that is superseded makes a fork of what may be committed',
} as const;

export type BrokenRule = keyof typeof brokenRules;
