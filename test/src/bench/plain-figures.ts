import type { BenchHouse } from './bench-house.ts';
import { rounds } from './rounds.ts';
import { median } from './row.ts';
import type { OurFigures } from './our-figures.ts';

/** What the store and the link take for the same bytes when nothing is done with them: the limit of what any client can reach. In ms. */
export interface PlainFigures {
  /** As much as a first checkpoint uploads. */
  firstBytes: number;
  readonly firstPut: number[];
  readonly laterPut: number[];
  readonly firstGet: number[];
}

export function noPlainFigures(): PlainFigures {
  return { firstBytes: 0, firstPut: [], laterPut: [], firstGet: [] };
}

export async function measurePlain(house: BenchHouse, ours: OurFigures, runs: number, endMs: number, tell: (text: string) => void): Promise<PlainFigures> {
  const figures = noPlainFigures();
  const sizes = { first: sizeOf([...ours.first, ...ours.firstSuspend]), later: sizeOf(ours.later.length > 0 ? ours.later : ours.movedSuspend) };
  for (const run of rounds(runs, endMs)) {
    if (sizes.first !== undefined) {
      const { putMs, getMs } = await house.plainTransfer(sizes.first);
      figures.firstBytes = sizes.first;
      figures.firstPut.push(putMs);
      figures.firstGet.push(getMs);
      tell(`plain, ${run} of ${runs}: PUT of ${(sizes.first / 1e6).toFixed(1)} MB ${Math.round(putMs)} ms, GET ${Math.round(getMs)} ms`);
    }
    if (sizes.later !== undefined) figures.laterPut.push((await house.plainTransfer(sizes.later)).putMs);
  }
  return figures;
}

function sizeOf(uploads: readonly { readonly bytesUploaded: number }[]): number | undefined {
  return uploads.length === 0 ? undefined : Math.max(1, Math.round(median(uploads.map(({ bytesUploaded }) => bytesUploaded))));
}
