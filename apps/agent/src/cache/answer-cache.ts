import { parseObjectKey } from '@godwit/snapshot';
import type { ControlArguments, ControlResult } from '@godwit/wire';
import type { Account } from '../account/account.ts';
import { loadSettings, saveSettings } from '../account/settings.ts';
import type { Home } from '../home.ts';
import { keyOf, type WarmCache } from './warm-cache.ts';

/** Sets the limit, empties the cache, and says what is in it then. The limit is kept in the settings of this host. */
export async function answerCache(home: Home, account: Account, cache: WarmCache, { limitBytes, clear, confirmed }: ControlArguments<'cache'>): Promise<ControlResult<'cache'>> {
  if (limitBytes !== null) {
    const { cacheLimitBytes: _before, ...settings } = loadSettings(home) ?? account.settings;
    await saveSettings(home, limitBytes === 'default' ? settings : { ...settings, cacheLimitBytes: limitBytes });
    await cache.setLimit(limitBytes === 'default' ? undefined : limitBytes);
  }
  const before = clear ? await cache.contents() : undefined;
  if (clear && confirmed) await cache.clear();
  const { files, ...room } = await cache.contents();
  const cleared = before === undefined ? null : { packs: before.files.size, bytes: before.bytes, done: confirmed };
  return { ...room, cleared, packs: files.size, ...cache.counts, desktops: byDesktop(files, await namesOf(account)) };
}

/** Names by id. Without the coordinator there are none: the cache is this machine's, and is told of all the same. */
async function namesOf({ coordinator }: Account): Promise<ReadonlyMap<string, string>> {
  try {
    const { desktops } = await coordinator.call('listDesktops', {});
    return new Map(desktops.map(({ desktopId, name }) => [desktopId, name]));
  } catch {
    return new Map();
  }
}

function byDesktop(files: ReadonlyMap<string, number>, names: ReadonlyMap<string, string>): ControlResult<'cache'>['desktops'] {
  const found = new Map<string, { packs: number; bytes: number }>();
  for (const [name, lengthBytes] of files) {
    const desktopId = parseObjectKey(keyOf(name))?.desktopId;
    if (desktopId === undefined) continue;
    const { packs, bytes } = found.get(desktopId) ?? { packs: 0, bytes: 0 };
    found.set(desktopId, { packs: packs + 1, bytes: bytes + lengthBytes });
  }
  return [...found].map(([desktopId, held]) => ({ name: names.get(desktopId) ?? null, desktopId, ...held })).sort((a, b) => b.bytes - a.bytes);
}
