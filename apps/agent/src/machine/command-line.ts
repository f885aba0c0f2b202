import { basename } from 'node:path';
import { diskCount, type MachineContract } from './contract.ts';

/** One image of a disk's chain, bottom first. `nbd` is the agent's own export of a checkpoint's disk. */
export type Layer =
  | { readonly kind: 'file'; readonly file: string; readonly format: 'qcow2' | 'raw' }
  | { readonly kind: 'nbd'; readonly socket: string; readonly exportName: string };

export interface MachineFiles {
  /** For each disk of the contract its chain, bottom first; the last layer is the one the guest writes to. */
  readonly disks: readonly (readonly Layer[])[];
  /** Folder of the sockets: qmp, guard, serial, vnc, port1..port4. */
  readonly socketDirectory: string;
  /** Wait for a migration instead of booting. */
  readonly incoming: boolean;
  /** Boot only when it is told to. */
  readonly paused?: boolean;
}

/** Names of the virtio-serial ports, in their fixed order. Plain socket chardevs: `qemu-vdagent` would forbid a checkpoint. */
export const guestPorts = ['org.qemu.guest_agent.0', 'com.redhat.spice.0', 'dev.godwit.bridge.0', 'dev.godwit.log.0'] as const;

/** The guest's network card, by QEMU's name. */
export const networkDevice = 'nic0';

/** PCI slots on pcie.0. Part of the contract: a state loads only where each device has the same address. */
const slots = { video: 0x2, sound: 0x3, usb: 0x4, network: 0x5, random: 0x6, balloon: 0x7, firstDisk: 0x8, ports: 0xc, panic: 0xd, watchdog: 0xe } as const;

/** The QEMU arguments (without the program) of contract version 1. Pure; `files` gives the paths of this host. */
export function commandLine(contract: MachineContract, files: MachineFiles): string[] {
  return [
    ...['-nodefaults', '-no-user-config', '-display', 'none', '-name', 'guest=godwit,debug-threads=on'],
    // dump-guest-core=off: guest memory never reaches a core file.
    ...['-machine', `${contract.machineType},smm=off,vmport=off,dump-guest-core=off`],
    ...['-accel', contract.accelerator === 'tcg' ? 'tcg,thread=multi' : 'kvm', '-cpu', contract.cpuModel],
    ...['-m', `size=${contract.memoryBytes / 2 ** 20}M`, '-smp', `cpus=${contract.cpus}`, '-uuid', contract.machineId, '-rtc', 'base=utc'],
    ...['-sandbox', 'on,obsolete=deny,elevateprivileges=deny,spawn=deny,resourcecontrol=deny'],
    ...deviceArguments(contract),
    ...portArguments(files.socketDirectory),
    ...Array.from({ length: diskCount }, (_, index) => diskArguments(index, files.disks[index]!)).flat(),
    ...['-chardev', socketChardev('qmp0', `${files.socketDirectory}/qmp`), '-mon', 'chardev=qmp0,mode=control'],
    // A monitor takes one client at a time; the guard of a strict desktop waits for nobody else.
    ...['-chardev', socketChardev('guard0', `${files.socketDirectory}/guard`), '-mon', 'chardev=guard0,mode=control'],
    // The screen, for `godwit view`. No part of the contract: how a picture is shown is not in a saved state. It has no password, so only the folder and the mode of the socket keep others out.
    ...['-vnc', `unix:${doubledCommas(`${files.socketDirectory}/vnc`)},share=force-shared`],
    ...(files.incoming ? ['-incoming', 'defer'] : []),
    ...(files.paused === true ? ['-S'] : []),
  ];
}

function deviceArguments(contract: MachineContract): string[] {
  return [
    ...device(`virtio-vga,id=video0,max_outputs=1`, slots.video),
    // Newer QEMU has no default audio backend; name one that needs nothing of the host.
    ...['-audiodev', 'none,id=audio0'],
    ...device('intel-hda,id=sound0', slots.sound),
    ...['-device', 'hda-duplex,bus=sound0.0,cad=0,audiodev=audio0'],
    ...device('qemu-xhci,id=usb0', slots.usb),
    ...['-device', 'usb-tablet,bus=usb0.0,port=1'],
    ...['-netdev', 'user,id=net0'],
    // No option ROM: it would be one more memory block whose size differs between QEMU packages.
    ...device(`virtio-net-pci,id=${networkDevice},netdev=net0,mac=${contract.macAddress},romfile=`, slots.network),
    ...['-object', 'rng-random,id=random0,filename=/dev/urandom'],
    ...device('virtio-rng-pci,id=rng0,rng=random0', slots.random),
    ...device('virtio-balloon-pci,id=balloon0,free-page-reporting=on', slots.balloon),
    ...['-device', `vmgenid,id=generation0,guid=${contract.generationId}`],
    ...device('pvpanic-pci,id=panic0', slots.panic),
    ...device('i6300esb,id=watchdog0', slots.watchdog),
  ];
}

function portArguments(socketDirectory: string): string[] {
  const ports = guestPorts.flatMap((name, index) => [
    ...['-chardev', socketChardev(`port${index + 1}`, `${socketDirectory}/port${index + 1}`)],
    ...['-device', `virtserialport,bus=ports0.0,nr=${index + 1},chardev=port${index + 1},name=${name}`],
  ]);
  return [
    ...device(`virtio-serial-pci,id=ports0,max_ports=8`, slots.ports),
    ...ports,
    ...['-chardev', socketChardev('serial0', `${socketDirectory}/serial`), '-serial', 'chardev:serial0'],
  ];
}

function diskArguments(disk: number, layers: readonly Layer[]): string[] {
  const nodes = layers.flatMap((layer, level) => ['-blockdev', JSON.stringify(layerNode(layer, layers[level - 1], level === layers.length - 1))]);
  const boot = disk === 0 ? ',bootindex=0' : '';
  return [...nodes, ...device(`virtio-blk-pci,id=blk${disk},drive=${nodeName(layers.at(-1)!)}${boot}`, slots.firstDisk + disk)];
}

/** What QEMU calls a layer: as its file is called, which no other layer of the machine ever is. So a name says the same in every chain that it was part of. */
export function nodeName(layer: Layer): string {
  return layer.kind === 'nbd' ? `${layer.exportName}-export` : basename(layer.file);
}

/** The `BlockdevOptions` of one layer on top of the one below it, as `-blockdev` and `blockdev-add` take them. Zeros take no room, whoever writes them: the guest, or a merge. */
export function layerNode(layer: Layer, below: Layer | undefined, writable: boolean): Record<string, unknown> {
  const common = { 'node-name': nodeName(layer), 'read-only': !writable, discard: 'unmap', 'detect-zeroes': 'unmap' };
  if (layer.kind === 'nbd') {
    // reconnect-delay: the guest waits, rather than sees disk errors, while the agent restarts its export.
    return { driver: 'nbd', ...common, server: { type: 'unix', path: layer.socket }, export: layer.exportName, 'reconnect-delay': 30 };
  }
  const file = { driver: 'file', filename: layer.file, discard: 'unmap', ...(writable ? {} : { locking: 'off' }) };
  if (layer.format === 'raw') return { driver: 'raw', ...common, file };
  return { driver: 'qcow2', ...common, file, backing: below === undefined ? null : nodeName(below) };
}

function device(description: string, slot: number): string[] {
  return ['-device', `${description},bus=pcie.0,addr=0x${slot.toString(16)}`];
}

function socketChardev(id: string, path: string): string {
  return `socket,id=${id},path=${doubledCommas(path)},server=on,wait=off`;
}

/** QEMU ends an option at a comma, unless it is doubled; a home may have one in its path. */
function doubledCommas(path: string): string {
  return path.replaceAll(',', ',,');
}
