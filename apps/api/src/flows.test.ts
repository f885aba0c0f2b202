/**
 * The flows: everything through a coordinator's front door and down to a real PostgreSQL. One file, so that they share one
 * cluster; each stage has a database of its own in it, reached as DATABASE_URL is. The private cluster: main.test.ts.
 */
import { after } from 'node:test';
import { dropSharedCluster } from './testing/shared-cluster.ts';
import './accounts/accounts.flow.ts';
import './accounts/revoke.flow.ts';
import './audit/audit.flow.ts';
import './audit/partitions.flow.ts';
import './events/events.flow.ts';
import './http/drain.flow.ts';
import './http/security.flow.ts';
import './jobs/jobs.flow.ts';
import './jobs/jobs-command.flow.ts';
import './leases/departure.flow.ts';
import './leases/lease.flow.ts';
import './leases/offline.flow.ts';
import './leases/take-over.flow.ts';
import './notify/notify.flow.ts';
import './objects/objects.flow.ts';
import './operators/acts.flow.ts';
import './operators/invite-command.flow.ts';
import './operators/oidc.flow.ts';
import './operators/pages.flow.ts';
import './operators/sign-in.flow.ts';
import './prune/prune.flow.ts';
import './quotas/quotas.flow.ts';
import './s3/bucket.flow.ts';
import './second-bucket/second-bucket.flow.ts';

after(dropSharedCluster);
