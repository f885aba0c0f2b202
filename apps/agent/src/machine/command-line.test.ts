import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { commandLine, layerNode, nodeName, type MachineFiles } from './command-line.ts';
import type { MachineContract } from './contract.ts';

const contract: MachineContract = {
  version: 1,
  machineType: 'pc-q35-7.2',
  cpuModel: 'Nehalem-v1,la57=off',
  accelerator: 'tcg',
  cpus: 2,
  memoryBytes: 512 * 2 ** 20,
  disks: [4 * 2 ** 30, 2 ** 20, 2 ** 20, 2 ** 20].map((lengthBytes) => ({ lengthBytes })),
  macAddress: '52:54:00:00:01:02',
  generationId: '03040506-0708-490a-8b0c-0d0e0f101112',
  machineId: '13141516-1718-491a-9b1c-1d1e1f202122',
  firmware: { file: 'bios-256k.bin', lengthBytes: 262_144, sha256: 'ab'.repeat(32) },
  qemu: { savedWith: '7.2.22', atLeast: '7.2' },
};
const files: MachineFiles = {
  disks: [
    [{ kind: 'nbd', socket: '/r/nbd', exportName: 'disk0' }, { kind: 'file', file: '/d/disk0-1.qcow2', format: 'qcow2' }],
    [{ kind: 'file', file: '/d/disk1-0.qcow2', format: 'qcow2' }],
    [{ kind: 'file', file: '/d/disk2-0.raw', format: 'raw' }],
    [{ kind: 'file', file: '/d/disk3-0.qcow2', format: 'qcow2' }],
  ],
  socketDirectory: '/r',
  incoming: false,
};

// The machine of contract version 1, one option a line. A state that was saved with it loads only into the same devices at the same
// addresses: whoever has to change a line here that the guest can see needs another contract version, not another vector.
const vector = `
-nodefaults
-no-user-config
-display none
-name guest=godwit,debug-threads=on
-machine pc-q35-7.2,smm=off,vmport=off,dump-guest-core=off
-accel tcg,thread=multi
-cpu Nehalem-v1,la57=off
-m size=512M
-smp cpus=2
-uuid 13141516-1718-491a-9b1c-1d1e1f202122
-rtc base=utc
-sandbox on,obsolete=deny,elevateprivileges=deny,spawn=deny,resourcecontrol=deny
-device virtio-vga,id=video0,max_outputs=1,bus=pcie.0,addr=0x2
-audiodev none,id=audio0
-device intel-hda,id=sound0,bus=pcie.0,addr=0x3
-device hda-duplex,bus=sound0.0,cad=0,audiodev=audio0
-device qemu-xhci,id=usb0,bus=pcie.0,addr=0x4
-device usb-tablet,bus=usb0.0,port=1
-netdev user,id=net0
-device virtio-net-pci,id=nic0,netdev=net0,mac=52:54:00:00:01:02,romfile=,bus=pcie.0,addr=0x5
-object rng-random,id=random0,filename=/dev/urandom
-device virtio-rng-pci,id=rng0,rng=random0,bus=pcie.0,addr=0x6
-device virtio-balloon-pci,id=balloon0,free-page-reporting=on,bus=pcie.0,addr=0x7
-device vmgenid,id=generation0,guid=03040506-0708-490a-8b0c-0d0e0f101112
-device pvpanic-pci,id=panic0,bus=pcie.0,addr=0xd
-device i6300esb,id=watchdog0,bus=pcie.0,addr=0xe
-device virtio-serial-pci,id=ports0,max_ports=8,bus=pcie.0,addr=0xc
-chardev socket,id=port1,path=/r/port1,server=on,wait=off
-device virtserialport,bus=ports0.0,nr=1,chardev=port1,name=org.qemu.guest_agent.0
-chardev socket,id=port2,path=/r/port2,server=on,wait=off
-device virtserialport,bus=ports0.0,nr=2,chardev=port2,name=com.redhat.spice.0
-chardev socket,id=port3,path=/r/port3,server=on,wait=off
-device virtserialport,bus=ports0.0,nr=3,chardev=port3,name=dev.godwit.bridge.0
-chardev socket,id=port4,path=/r/port4,server=on,wait=off
-device virtserialport,bus=ports0.0,nr=4,chardev=port4,name=dev.godwit.log.0
-chardev socket,id=serial0,path=/r/serial,server=on,wait=off
-serial chardev:serial0
-blockdev {"driver":"nbd","node-name":"disk0-export","read-only":true,"discard":"unmap","detect-zeroes":"unmap","server":{"type":"unix","path":"/r/nbd"},"export":"disk0","reconnect-delay":30}
-blockdev {"driver":"qcow2","node-name":"disk0-1.qcow2","read-only":false,"discard":"unmap","detect-zeroes":"unmap","file":{"driver":"file","filename":"/d/disk0-1.qcow2","discard":"unmap"},"backing":"disk0-export"}
-device virtio-blk-pci,id=blk0,drive=disk0-1.qcow2,bootindex=0,bus=pcie.0,addr=0x8
-blockdev {"driver":"qcow2","node-name":"disk1-0.qcow2","read-only":false,"discard":"unmap","detect-zeroes":"unmap","file":{"driver":"file","filename":"/d/disk1-0.qcow2","discard":"unmap"},"backing":null}
-device virtio-blk-pci,id=blk1,drive=disk1-0.qcow2,bus=pcie.0,addr=0x9
-blockdev {"driver":"raw","node-name":"disk2-0.raw","read-only":false,"discard":"unmap","detect-zeroes":"unmap","file":{"driver":"file","filename":"/d/disk2-0.raw","discard":"unmap"}}
-device virtio-blk-pci,id=blk2,drive=disk2-0.raw,bus=pcie.0,addr=0xa
-blockdev {"driver":"qcow2","node-name":"disk3-0.qcow2","read-only":false,"discard":"unmap","detect-zeroes":"unmap","file":{"driver":"file","filename":"/d/disk3-0.qcow2","discard":"unmap"},"backing":null}
-device virtio-blk-pci,id=blk3,drive=disk3-0.qcow2,bus=pcie.0,addr=0xb
-chardev socket,id=qmp0,path=/r/qmp,server=on,wait=off
-mon chardev=qmp0,mode=control
-chardev socket,id=guard0,path=/r/guard,server=on,wait=off
-mon chardev=guard0,mode=control
-vnc unix:/r/vnc,share=force-shared
`.trim().split('\n');

/** One option a line, with its value where it has one. */
function options(argv: readonly string[]): string[] {
  return argv.reduce<string[]>((lines, argument) => (argument.startsWith('-') ? [...lines, argument] : [...lines.slice(0, -1), `${lines.at(-1)!} ${argument}`]), []);
}

/** The value of `key` in each `-device` that has it. */
function deviceValues(key: string): string[] {
  const devices = options(commandLine(contract, files)).filter((line) => line.startsWith('-device '));
  return devices.flatMap((line) => new RegExp(`[ ,]${key}=([^,]*)`).exec(line)?.[1] ?? []);
}

describe('the command line of contract version 1', () => {
  test('is exactly this one', () => assert.deepEqual(options(commandLine(contract, files)), vector));

  test('gives every device an address of its own, and every id once', () => {
    const addresses = deviceValues('addr');
    assert.equal(addresses.length, 13);
    assert.equal(new Set(addresses).size, addresses.length);
    const ids = deviceValues('id');
    assert.equal(new Set(ids).size, ids.length);
  });

  test('leaves no PCI device to QEMU to place', () => {
    const onPci = vector.filter((line) => line.startsWith('-device ') && !/bus=(sound0|usb0|ports0)\.0|^-device vmgenid/.test(line));
    for (const line of onPci) assert.match(line, /,bus=pcie\.0,addr=0x[0-9a-f]+$/);
  });

  test('differs for an arrival in nothing but -incoming', () => {
    assert.deepEqual(commandLine(contract, { ...files, incoming: true }), [...commandLine(contract, files), '-incoming', 'defer']);
  });

  test('differs under KVM in nothing but the accelerator', () => {
    const under = options(commandLine({ ...contract, accelerator: 'kvm' }, files));
    assert.deepEqual(under, vector.map((line) => line.replace('-accel tcg,thread=multi', '-accel kvm')));
  });

  test('lets no path pass for an option', () => {
    const argv = commandLine(contract, { ...files, socketDirectory: '/home/a,server=off' });
    assert.ok(argv.includes('socket,id=qmp0,path=/home/a,,server=off/qmp,server=on,wait=off'));
    assert.ok(argv.includes('socket,id=port1,path=/home/a,,server=off/port1,server=on,wait=off'));
    assert.ok(argv.includes('unix:/home/a,,server=off/vnc,share=force-shared'));
    const strange = commandLine(contract, { ...files, disks: [[{ kind: 'file', file: '/d/a,"b=c/x', format: 'qcow2' }], ...files.disks.slice(1)] });
    assert.ok(strange.includes('{"driver":"qcow2","node-name":"x","read-only":false,"discard":"unmap","detect-zeroes":"unmap","file":{"driver":"file","filename":"/d/a,\\"b=c/x","discard":"unmap"},"backing":null}'));
  });
});

describe('a chain of layers', () => {
  test('is written to only at its top; what lies below is open elsewhere too', () => {
    const [low, middle, high] = ['disk0-0.qcow2', 'disk0-7.qcow2', 'disk0-9.qcow2'].map((name) => ({ kind: 'file', file: `/d/${name}`, format: 'qcow2' }) as const);
    assert.deepEqual(layerNode(middle!, low, false), { driver: 'qcow2', 'node-name': 'disk0-7.qcow2', 'read-only': true, discard: 'unmap', 'detect-zeroes': 'unmap', file: { driver: 'file', filename: '/d/disk0-7.qcow2', discard: 'unmap', locking: 'off' }, backing: 'disk0-0.qcow2' });
    const argv = commandLine(contract, { ...files, disks: [[low!, middle!, high!], ...files.disks.slice(1)] });
    const chain = argv.filter((argument) => argument.startsWith('{"driver"')).slice(0, 3);
    assert.deepEqual(chain.map((node) => (JSON.parse(node) as { 'read-only': boolean })['read-only']), [true, true, false]);
    assert.ok(argv.some((argument) => argument.includes(`drive=${nodeName(high!)},`)));
  });
});
