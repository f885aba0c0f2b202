import * as desktops from './desktops.ts';
import * as leases from './leases.ts';
import { moveReport } from './operators/moves.ts';
import type { Route } from './route.ts';
import { nothing } from './values.ts';

/** The routes about who owns a desktop and how it moves; part of the one table in routes.ts. */
export const leaseRoutes = {
  renewLeases: {
    method: 'POST',
    path: '/v1/leases/renew',
    auth: 'host',
    summary: "Ask whether the caller's epochs are current; this renews those that are strict",
    body: leases.renewBody,
    status: 200,
    answer: leases.renewed,
    faults: ['LEASES_KEPT_ELSEWHERE'],
  },
  readHolding: {
    method: 'GET',
    path: '/v1/desktops/:desktopId/holding',
    auth: 'host',
    summary: 'Who holds the desktop, whether that host is in reach, and from when on it may be taken over',
    params: desktops.desktopParams,
    status: 200,
    answer: leases.holding,
    faults: ['DESKTOP_NOT_FOUND'],
  },
  askDeparture: {
    method: 'POST',
    path: '/v1/desktops/:desktopId/ask',
    auth: 'host',
    summary: 'Ask the holder of an epoch to suspend the desktop; the answer tells whether the holder is in reach to hear it',
    params: desktops.desktopParams,
    body: leases.askBody,
    status: 200,
    answer: leases.holding,
    faults: ['DESKTOP_NOT_FOUND', 'EPOCH_FENCED'],
  },
  tellDeparture: {
    method: 'POST',
    path: '/v1/desktops/:desktopId/tell',
    auth: 'host',
    summary: 'Tell the hosts of the account how the departure that one of them asked for goes',
    params: desktops.desktopParams,
    body: leases.tellBody,
    status: 200,
    answer: nothing,
    faults: ['DESKTOP_NOT_FOUND', 'EPOCH_FENCED'],
  },
  takeOverDesktop: {
    method: 'POST',
    path: '/v1/desktops/:desktopId/take-over',
    auth: 'host',
    summary: "End another host's epoch and become the owner with the next one. Repeating it answers the same",
    params: desktops.desktopParams,
    body: leases.takeOverBody,
    status: 200,
    answer: desktops.acquired,
    faults: ['DESKTOP_NOT_FOUND', 'DESKTOP_FREE', 'DESKTOP_NEVER_SAVED', 'EPOCH_FENCED', 'HEAD_MOVED', 'LEASE_NOT_OVER', 'LEASES_KEPT_ELSEWHERE'],
  },
  saveOfflinePolicy: {
    method: 'POST',
    path: '/v1/desktops/:desktopId/offline',
    auth: 'host',
    summary: 'Store the signed policy for a desktop whose holder is out of reach of the coordinator; the desktop is free or held by the caller',
    params: desktops.desktopParams,
    body: leases.offlineBody,
    status: 200,
    answer: desktops.desktop,
    faults: ['DESKTOP_NOT_FOUND', 'DESKTOP_HELD_ELSEWHERE', 'POLICY_INVALID', 'SIGNATURE_INVALID', 'POLICY_OUTDATED', 'LEASES_KEPT_ELSEWHERE'],
  },
  reportMove: {
    method: 'POST',
    path: '/v1/desktops/:desktopId/moves',
    auth: 'host',
    summary: 'Tell how a move goes, for people to see',
    params: desktops.desktopParams,
    body: moveReport,
    status: 200,
    answer: nothing,
    faults: ['DESKTOP_NOT_FOUND', 'EPOCH_FENCED'],
  },
} as const satisfies Record<string, Route>;
