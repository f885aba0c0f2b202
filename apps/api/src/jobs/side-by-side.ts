/** Acts on the items, `atOnce` of them at a time, until `signal` ends it. After the first that fails nothing more is begun, and it is thrown when the others have ended. */
export async function sideBySide<Item>(items: readonly Item[], { atOnce, signal }: { readonly atOnce: number; readonly signal: AbortSignal }, act: (item: Item) => Promise<void>): Promise<void> {
  const [left, failures]: [Item[], unknown[]] = [[...items], []];
  const work = async (): Promise<void> => {
    for (let item = left.shift(); item !== undefined && !signal.aborted && failures.length === 0; item = left.shift()) {
      await act(item).catch((error: unknown) => failures.push(error));
    }
  };
  await Promise.all(Array.from({ length: atOnce }, work));
  if (failures.length > 0) throw failures[0];
}
