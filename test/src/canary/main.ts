/** `npm run test:canary -- [--json FILE]`: 1,000 canaries in a guest's RAM and disk and every key there is, and what is found of them. */
import { writeFileSync } from 'node:fs';
import { parseArgs } from 'node:util';
import { liveWithCanaries, type Life } from './life.ts';

/** Of RAM and of disk each; the keys come on top. */
const each = 500;

const { values } = parseArgs({ options: { json: { type: 'string' } } });
const startedMs = performance.now();
const life = await liveWithCanaries(each, (what) => process.stdout.write(`${what}\n`));
const planted = Object.values(life.planted).reduce((sum, count) => sum + count, 0);
const searchedBytes = life.places.reduce((sum, place) => sum + place.searchedBytes, 0);
const findings = life.places.flatMap(({ found }) => found);
const blind = life.controls.filter(({ wanted, found }) => found < wanted);
const durationS = (performance.now() - startedMs) / 1000;

process.stdout.write(table(life));
for (const { canary, place } of findings) process.stdout.write(`FOUND ${canary.name} in ${place}\n`);
for (const { name, wanted, found } of blind) process.stdout.write(`FAILED control: ${found} of ${wanted}: ${name}\n`);
process.stdout.write(`${planted} planted, ${searchedBytes} bytes searched, ${findings.length} found; took ${durationS.toFixed(1)} s\n`);
if (values.json !== undefined) {
  const places = life.places.map((place) => ({ name: place.name, searchedBytes: place.searchedBytes, found: place.found.length }));
  writeFileSync(values.json, `${JSON.stringify({ planted, searchedBytes, found: findings.length, kinds: life.planted, controls: life.controls, places, durationS: Number(durationS.toFixed(1)) }, undefined, 2)}\n`);
}
process.exitCode = findings.length === 0 && blind.length === 0 ? 0 : 1;

function table({ planted: kinds, controls, places }: Life): string {
  const line = (name: string, ...numbers: (number | string)[]): string => `${name.padEnd(64)}${numbers.map((number) => String(number).padStart(14)).join('')}\n`;
  return [
    line('planted', 'canaries'), ...Object.entries(kinds).map(([kind, count]) => line(kind, count)),
    line('has to be found', 'wanted', 'found'), ...controls.map(({ name, wanted, found }) => line(name, wanted, found)),
    line('must not be found', 'bytes', 'found'), ...places.map((place) => line(place.name, place.searchedBytes, place.found.length)),
  ].join('');
}
