export interface CephPlace {
  readonly directory: string;
  readonly cluster: string;
  readonly monitorPort: number;
  readonly gatewayPort: number;
}

/** One monitor, one store in memory, one gateway, no keys between them, on this machine's own addresses; starts in a second. */
export function cephConfig({ directory, cluster, monitorPort, gatewayPort }: CephPlace): string {
  return `[global]
fsid = ${cluster}
mon host = [v2:127.0.0.1:${monitorPort}]
auth cluster required = none
auth service required = none
auth client required = none
ms bind ipv6 = false
public addr = 127.0.0.1
cluster addr = 127.0.0.1
run dir = ${directory}/run
admin socket = ${directory}/run/$name.$pid.sock
log file = ${directory}/$name.log
mon data = ${directory}/mon
osd data = ${directory}/osd
osd objectstore = memstore
memstore device bytes = 4294967296
osd pool default size = 1
osd pool default min size = 1
osd pool default pg num = 4
osd pool default pg autoscale mode = off
mon allow pool size one = true
osd crush chooseleaf type = 0
osd crush initial weight = 1
# These make it start in one second instead of twenty.
paxos propose interval = 0.02
paxos min wait = 0.01
mon tick interval = 1
objecter tick interval = 0.2
[client.rgw]
keyring = ${directory}/keyring
# Without it the gateway asks for keys for ever.
ms mon client mode = crc
# Without it small answers wait 44 ms for more.
rgw frontends = beast endpoint=127.0.0.1:${gatewayPort} tcp_nodelay=1
rgw data = ${directory}/rgw
rgw run sync thread = false
`;
}
