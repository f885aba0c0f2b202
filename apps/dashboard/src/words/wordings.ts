import { protectionLimits, type Attention, type DesktopRow, type Move, type OperatorHost, type Protection } from '@godwit/wire/operators';
import { roughText } from './figures.ts';

/** The words for every state that a page shows, with their meaning; one table, so that no page has words of its own. Pure. */
export interface Wording {
  readonly word: string;
  /** good, note, warn, bad: how much it asks for a person; plain: not at all. */
  readonly tone: 'good' | 'note' | 'warn' | 'bad' | 'plain';
  readonly meaning: string;
  /** An anchor of the glossary. */
  readonly term?: string;
}

export const conditions: Readonly<Record<DesktopRow['condition'], Wording>> = {
  held: { word: 'held', tone: 'good', meaning: 'A host holds its lease and was heard of lately', term: 'held' },
  departing: { word: 'departing', tone: 'note', meaning: 'It is being suspended: its state goes to the store', term: 'depart-arrive' },
  arriving: { word: 'arriving', tone: 'note', meaning: 'It is being resumed: its state comes from the store', term: 'depart-arrive' },
  free: { word: 'free', tone: 'plain', meaning: 'Safe in the store, held by nobody', term: 'free' },
  'out-of-reach': { word: 'out of reach', tone: 'bad', meaning: 'Its host holds the lease and has not been heard of', term: 'out-of-reach' },
  new: { word: 'new', tone: 'plain', meaning: 'It has no checkpoint yet', term: 'checkpoint' },
};

export const protections: Readonly<Record<Protection, Wording>> = {
  safe: { word: 'safe', tone: 'good', meaning: 'Nobody holds it: all of it is in the store', term: 'protection' },
  fresh: { word: 'fresh', tone: 'good', meaning: `Its newest checkpoint is at most ${roughText(protectionLimits.freshMs)} old`, term: 'protection' },
  late: { word: 'late', tone: 'warn', meaning: `Its newest checkpoint is older than ${roughText(protectionLimits.freshMs)}`, term: 'protection' },
  unprotected: { word: 'unprotected', tone: 'bad', meaning: `It has no checkpoint, or none younger than ${roughText(protectionLimits.lateMs)}`, term: 'protection' },
};

export const moveStates: Readonly<Record<Move['state'], Wording>> = {
  running: { word: 'under way', tone: 'note', meaning: 'Its host told of it within the last minute' },
  done: { word: 'done', tone: 'good', meaning: 'Committed, or resumed and running' },
  failed: { word: 'failed', tone: 'bad', meaning: 'It ended with a fault; the desktop is where it was' },
  cancelled: { word: 'called off', tone: 'plain', meaning: 'Somebody called it off; the desktop is where it was' },
  unknown: { word: 'outcome unknown', tone: 'warn', meaning: 'Whether it was committed is not known yet; its host finds out' },
  lost: { word: 'not heard of', tone: 'bad', meaning: 'Its host has told nothing for a minute' },
};

export const moveKinds: Readonly<Record<Move['kind'], Wording>> = {
  suspend: { word: 'suspend', tone: 'plain', meaning: 'The desktop leaves its host', term: 'depart-arrive' },
  checkpoint: { word: 'checkpoint', tone: 'plain', meaning: 'Its state is saved while it goes on running', term: 'checkpoint' },
  resume: { word: 'resume', tone: 'plain', meaning: 'The desktop comes to a host', term: 'depart-arrive' },
};

export const hostStates: Readonly<Record<OperatorHost['state'], Wording>> = {
  current: { word: 'current', tone: 'good', meaning: "In its account's device chain", term: 'account-device-chain' },
  revoked: { word: 'revoked', tone: 'plain', meaning: 'One of its account put it out of the device chain', term: 'account-device-chain' },
  barred: { word: 'barred', tone: 'warn', meaning: 'An operator keeps it out of this coordinator', term: 'barred' },
};

export const severities: Readonly<Record<Attention['severity'], Wording>> = {
  high: { word: 'high', tone: 'bad', meaning: 'Work may be lost' },
  medium: { word: 'medium', tone: 'warn', meaning: 'It will get worse by itself' },
  low: { word: 'low', tone: 'note', meaning: 'It can wait for a quiet hour' },
};

export const attentionTitles: Readonly<Record<Attention['code'], string>> = {
  HOST_LOST: 'A host that holds a desktop is out of reach',
  DESKTOP_UNPROTECTED: 'A desktop is unprotected',
  MOVE_STUCK: 'A move stands still',
  MOVE_FAILED: 'A move failed',
  SCRUB_FAILED: 'Scrub found damage in the store',
  SCRUB_BEHIND: 'Scrub is behind',
  HOST_OUT_OF_DATE: 'A host is out of date',
  STORE_FILLING: 'The store is filling up',
  JOB_FAILED: 'A job failed',
};
