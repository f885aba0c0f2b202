/** What operators see, asked of the services on a real PostgreSQL: one cluster for all of them. Through the door: operators/. */
import { after } from 'node:test';
import { dropSharedCluster } from './testing/shared-cluster.ts';
import './metrics/metrics.flow.ts';
import './moves/moves.flow.ts';
import './operator-audit/operator-audit.flow.ts';
import './operator-desktops/operator-desktops.flow.ts';
import './operator-hosts/operator-hosts.flow.ts';
import './operator-store/operator-store.flow.ts';
import './overview/overview.flow.ts';
import './overview/plans.flow.ts';

after(dropSharedCluster);
