import * as desktops from './desktops.ts';
import * as prune from './prune.ts';
import type { Route } from './route.ts';

/** The routes about a desktop's past; part of the one table in routes.ts. */
export const pastRoutes = {
  forkDesktop: {
    method: 'POST',
    path: '/v1/desktops/:desktopId/forks',
    auth: 'host',
    summary: 'Make a free desktop that begins with a checkpoint of this one, and perhaps takes its name. Repeating it answers the same',
    params: desktops.desktopParams,
    body: prune.forkBody,
    status: 201,
    answer: desktops.desktop,
    faults: ['DESKTOP_NOT_FOUND', 'CHECKPOINT_NOT_FOUND', 'DESKTOP_NAME_TAKEN', 'QUOTA_DESKTOPS', 'QUOTA_BYTES', 'DESKTOP_IN_USE', 'HEAD_MOVED', 'FORK_REFUSED', 'COMMIT_ID_REUSED', 'COMMIT_PACK_MISSING', 'STORE_FULL'],
  },
  pruneDesktop: {
    method: 'POST',
    path: '/v1/desktops/:desktopId/prune',
    auth: 'host',
    summary: 'Drop the checkpoints that the retention policy does not keep, and collect what nothing needs any more',
    params: desktops.desktopParams,
    body: prune.pruneBody,
    status: 200,
    answer: prune.pruned,
    faults: ['DESKTOP_NOT_FOUND', 'POLICY_INVALID', 'POLICY_OUTDATED'],
  },
  readScrub: {
    method: 'GET',
    path: '/v1/desktops/:desktopId/scrub',
    auth: 'host',
    summary: 'What the coordinator last found of the objects that the desktop needs',
    params: desktops.desktopParams,
    status: 200,
    answer: prune.scrub,
    faults: ['DESKTOP_NOT_FOUND'],
  },
} as const satisfies Record<string, Route>;
