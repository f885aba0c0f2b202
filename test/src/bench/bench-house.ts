import type { AnswerOf, Routes } from '@godwit/wire';
import { enrolSecond, House, type TestHost } from '../house/house.ts';
import { enrolHosts } from './bench-host.ts';
import type { LinkShape } from './links.ts';
import { plainGet, plainPut, type PlainPlace } from './plain-store.ts';
import { endWithBench } from './running.ts';
import { ShapedLink } from './shaped-link.ts';

/** As many requests at once as it takes to fill a link with plain transfers. */
const plainConnections = 4;
/** So much is asked for at once that its URLs, which last a minute, still hold at its end. */
const plainPartMs = 15_000;

/** A coordinator with its store, three hosts of one account, and between each of them and the coordinator a link of its own. */
export class BenchHouse implements AsyncDisposable {
  readonly hosts: readonly TestHost[];
  readonly #house: House;
  readonly #links: readonly ShapedLink[];
  readonly #shape: LinkShape | undefined;
  readonly #forget: () => void;

  private constructor(parts: { house: House; hosts: readonly TestHost[]; links: readonly ShapedLink[]; shape: LinkShape | undefined; forget: () => void }) {
    [this.#house, this.hosts, this.#links, this.#shape, this.#forget] = [parts.house, parts.hosts, parts.links, parts.shape, parts.forget];
  }

  static async open(shape: LinkShape | undefined): Promise<BenchHouse> {
    const house = new House();
    const forget = endWithBench(() => house.close());
    await house.startCoordinator();
    const links: ShapedLink[] = [];
    const urlOfNext = async (): Promise<string> => {
      if (shape === undefined) return house.url;
      links.push(await ShapedLink.to(Number(new URL(house.url).port), shape));
      return links.at(-1)!.url;
    };
    const hosts = [await house.addHost('laptop-a'), await house.addHost('laptop-b'), await house.addHost('laptop-c')] as const;
    await hosts[0].must('init', '--coordinator', await urlOfNext(), '--name', hosts[0].name);
    for (const host of hosts.slice(1)) await enrolSecond(hosts[0], host, await urlOfNext());
    return new BenchHouse({ house, hosts, links, shape, forget });
  }

  /** How long plain PUTs, then plain GETs, of so many bytes take at this store over a link as the hosts have. */
  async plainTransfer(totalBytes: number): Promise<{ readonly putMs: number; readonly getMs: number }> {
    await using link = this.#shape === undefined ? undefined : await ShapedLink.to(Number(new URL(this.#house.url).port), this.#shape);
    const url = link?.url ?? this.#house.url;
    const { audience } = (await (await fetch(`${this.#house.url}/readyz`)).json()) as AnswerOf<Routes['readyz']>;
    const [host] = await enrolHosts({ url, audience }, 1);
    const place: PlainPlace = { url, host: host!, connections: plainConnections };
    const partBytes = this.#shape === undefined ? totalBytes : (this.#shape.bitsPerSecond / 8000) * plainPartMs;
    let [putMs, getMs] = [0, 0];
    try {
      for (let at = 0; at < totalBytes; at += partBytes) {
        const { ms, objects } = await plainPut(place, Math.min(partBytes, totalBytes - at));
        putMs += ms;
        getMs += await plainGet(place, objects);
      }
    } finally {
      host!.close();
    }
    return { putMs, getMs };
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#forget();
    await this.#house.close();
    for (const link of this.#links) await link[Symbol.asyncDispose]();
  }
}
