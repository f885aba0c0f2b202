import { ByteWriter, idToBytes, type CommitId } from '@godwit/base';
import { sha256, sign, type DeviceSecrets } from '@godwit/crypto';
import { bytesOf } from '@godwit/wire';
import type { Draft } from './stage.ts';

/**
 * A signed manifest as its bytes stand in docs/format.md, with a private part that nobody can open: what the coordinator
 * sees of one. An encoder of its own, so that these tests hold the coordinator to the format and not to the library.
 */
export function signedManifest(device: DeviceSecrets, commitId: CommitId, draft: Draft): Buffer {
  const { desktopId, epoch, sequence, parent, forkedFrom } = draft;
  const packs = [...draft.packs].sort((a, b) => (a.packId < b.packId ? -1 : 1));
  // A line that begins has packs of its own only.
  const ownerOf = (pack: (typeof packs)[number]): string => (parent === undefined && forkedFrom === undefined ? desktopId : pack.desktopId);
  const originOf = (pack: (typeof packs)[number]): string => `${ownerOf(pack)}${pack.epoch.toString(16).padStart(16, '0')}00000001${pack.hostId}`;
  const origins = [...new Set(packs.map(originOf))].sort();
  const writer = new ByteWriter(1024).put(Buffer.from('GWMF')).u16(1).u16(1);
  writer.put(idToBytes(desktopId)).u64(sequence).u64(epoch).u32(1).put(idToBytes(device.hostId)).put(idToBytes(commitId));
  writer.u8(parent !== undefined ? 1 : forkedFrom !== undefined ? 2 : 0);
  if (forkedFrom !== undefined) writer.put(idToBytes(forkedFrom.desktopId)).put(bytesOf(forkedFrom.digest)).u64(forkedFrom.epoch).u64(forkedFrom.sequence).put(idToBytes(device.hostId)).put(idToBytes(forkedFrom.commitId));
  if (parent !== undefined) writer.put(bytesOf(parent.digest)).u64(parent.epoch).u64(parent.sequence).put(idToBytes(device.hostId)).put(idToBytes(parent.commitId));
  writer.u32(1).put(sha256(Buffer.from('chain'))).u64(1_700_000_000_000).u32(0);
  writer.u16(origins.length);
  for (const origin of origins) writer.put(Buffer.from(origin, 'hex'));
  writer.u32(packs.length);
  for (const pack of packs) {
    const origin = origins.indexOf(originOf(pack));
    writer.u16(origin).put(idToBytes(pack.packId)).u32(pack.lengthBytes).put(pack.digest);
  }
  const signed = writer.u32(40).put(Buffer.alloc(40, 7)).finish();
  return Buffer.concat([signed, sign('manifest', signed, device.signSecret)]);
}
