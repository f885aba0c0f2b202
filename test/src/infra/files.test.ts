import { deepEqual, equal, match, ok } from 'node:assert/strict';
import { readFileSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import { describe, test } from 'node:test';
import { root } from '../tidy/sources.ts';

/** What needs a Docker daemon or a cluster to be run, held against rules of its own kind: nobody has run it in here. */

const read = (path: string): string => readFileSync(join(root, path), 'utf8');
/** Lines that are no comment. */
const lines = (path: string): string[] => read(path).split('\n').filter((line) => line.trim() !== '' && !line.trim().startsWith('#'));
/** A tag that names a version. */
const pinned = /^[a-z0-9][a-z0-9./-]*:(?=[^:]*\d)[A-Za-z0-9_][A-Za-z0-9_.-]*$/;

/** As hadolint has them: pinned images, no root, packages without leftovers, words instead of shells. */
function dockerfileFindings(text: string): string[] {
  const steps = text.replace(/\\\n\s*/g, ' ').split('\n').filter((line) => /^[A-Z]+ /.test(line));
  const of = (name: string): string[] => steps.filter((step) => step.startsWith(`${name} `)).map((step) => step.slice(name.length + 1));
  const images = of('FROM').map((from) => from.split(' ')[0]!);
  const installs = of('RUN').filter((step) => step.includes('apt-get install'));
  return [
    ...images.filter((image) => !pinned.test(image)).map((image) => `${image} is not pinned`),
    ...(/^(?!0(:|$)|root)/.test(of('USER').at(-1) ?? 'root') ? [] : ['it runs as root']),
    ...installs.filter((step) => !step.includes('--no-install-recommends') || !step.includes('rm -rf /var/lib/apt/lists')).map(() => 'packages leave something behind'),
    ...[...of('ENTRYPOINT'), ...of('CMD')].filter((words) => !words.startsWith('[')).map(() => 'a shell stands between the signal and the program'),
    ...(of('ADD').length > 0 ? ['ADD fetches what COPY would not'] : []),
    ...(of('HEALTHCHECK').length === 1 ? [] : ['nobody asks whether it is well']),
    ...(/(password|secret|token)\s*=/i.test(text) ? ['a secret is in it'] : []),
  ];
}

describe('the image', () => {
  test('the rules find what they are for', () => {
    const bad = 'FROM node:latest\nADD https://x /x\nRUN apt-get install -y curl\nENV PASSWORD=x\nUSER root\nCMD node x.js\n';
    equal(dockerfileFindings(bad).length, 7);
  });

  test('keeps to them, and has the Node of the lock file', () => {
    const text = read('infra/container/Dockerfile');
    deepEqual(dockerfileFindings(text), []);
    const { packages } = JSON.parse(read('package-lock.json')) as { packages: Record<string, { version: string }> };
    for (const [, version] of text.matchAll(/^FROM node:([\d.]+)-/gm)) equal(version, packages['node_modules/node']!.version);
  });

  test('its words are those that the coordinator takes', async () => {
    const [, words] = /^CMD (\[.*\])$/m.exec(read('infra/container/Dockerfile'))!;
    const help = read('apps/api/src/options.ts');
    for (const word of (JSON.parse(words!) as string[]).filter((each) => each.startsWith('--'))) ok(help.includes(`${word} `), word);
  });
});

describe('compose.yaml', () => {
  const text = read('infra/compose/compose.yaml');

  test('pins what it runs, and has no secret in it', () => {
    const images = [...text.matchAll(/^\s+image: (\S+)$/gm)].map(([, image]) => image!);
    ok(images.length >= 8);
    deepEqual(images.filter((image) => !pinned.test(image)), []);
    for (const [, name, value] of text.matchAll(/(\w*(?:PASSWORD|SECRET)\w*): '?([^'\n,}]+)/g)) match(value!, /^\$\{/, name);
    const named = new Set([...text.matchAll(/\$\{(\w+)/g)].map(([, name]) => name!));
    const offered = new Set(lines('infra/compose/example.env').map((line) => line.split('=')[0]!));
    deepEqual([...named].sort(), [...offered].sort());
    ok(lines('infra/compose/example.env').filter((line) => /PASSWORD|SECRET/.test(line)).every((line) => line.endsWith('=')));
  });

  test('lets nobody in but by Caddy, and Grafana from the machine itself', () => {
    const ports = [...text.matchAll(/ports: \[(.*)\]/g)].map(([, list]) => list!);
    deepEqual(ports, ["'127.0.0.1:3000:3000'", "'443:443', '80:80'"]);
    match(text, /inside: \{internal: true\}/);
    for (const part of ['read_only: true', 'cap_drop: [ALL]', 'no-new-privileges:true']) ok(text.includes(part), part);
  });

  test('each file that it mounts is there, and each service that Caddy and Prometheus name', () => {
    for (const [, path] of text.matchAll(/'(\.\.?\/[^:']+):\//g)) ok(read(join('infra/compose', path!)).length > 0);
    const services = [...text.split('\nservices:\n')[1]!.split('\nnetworks:')[0]!.matchAll(/^ {2}([a-z0-9-]+):$/gm)].map(([, name]) => name!);
    const named = [...`${read('infra/compose/Caddyfile')} ${read('infra/observe/prometheus.yml')}`.matchAll(/\b([a-z0-9-]+):\d{4,5}\b/g)].map(([, name]) => name!);
    ok(named.length >= 5);
    deepEqual(named.filter((name) => !services.includes(name)), []);
  });
});

interface Schema {
  readonly type?: string | readonly string[];
  readonly properties?: Readonly<Record<string, Schema>>;
}

describe('the chart', () => {
  const folder = 'infra/helm/godwit-coordinator';
  const templates = readdirSync(join(root, folder, 'templates'), { recursive: true, encoding: 'utf8' }).filter((name) => /\.(yaml|tpl|txt)$/.test(name)).map((name) => ({ name, text: read(join(folder, 'templates', name)) }));
  const schema = JSON.parse(read(`${folder}/values.schema.json`)) as Schema;
  const all = templates.map(({ text }) => text).join('\n');

  test('each template closes what it opens', () => {
    for (const { name, text } of templates) {
      equal([...text.matchAll(/\{\{(?:(?!\{\{)[^])*?\}\}/g)].length, text.split('{{').length - 1, name);
      const opened = [...text.matchAll(/\{\{-? *(if|with|range|define)\b/g)].length;
      equal([...text.matchAll(/\{\{-? *end\b/g)].length, opened, name);
    }
  });

  test('each value that a template uses is in the schema and has a default, and each that there is is used', () => {
    const used = new Set([...all.matchAll(/\.Values((?:\.\w+)+)/g)].map(([, path]) => path!.slice(1)));
    ok(used.size > 30);
    const known = (path: string): boolean => path.split('.').reduce<Schema | undefined>((at, key) => at?.properties?.[key], schema) !== undefined;
    deepEqual([...used].filter((path) => !known(path)), []);
    const values = read(`${folder}/values.yaml`);
    const leaves = Object.entries(schema.properties!).flatMap(([name, { properties }]) => (properties === undefined ? [name] : Object.keys(properties).map((key) => `${name}.${key}`)));
    for (const leaf of leaves.filter((name) => name !== 'global')) {
      ok(new RegExp(`^ *${leaf.split('.').at(-1)!}:`, 'm').test(values), `${leaf} has no default`);
      ok([...used].some((path) => path === leaf || path.startsWith(`${leaf}.`)), `${leaf} is used nowhere`);
    }
  });

  test('secrets are named, and never given', () => {
    const secrets = [...all.matchAll(/- name: (\w*(?:URL|KEY|SECRET|PASSWORD)\w*)\n +(\w+):/g)].filter(([, name]) => !/^S3_(ACCESS_KEY_ID)?$/.test(name!));
    ok(secrets.length >= 3);
    for (const [, name, how] of secrets) equal(how, 'valueFrom', name);
  });

  test('asks no right of the cluster or the node, and is asked whether it is well', () => {
    const deployment = templates.find(({ name }) => name === 'deployment.yaml')!.text;
    for (const part of ['runAsNonRoot: true', 'readOnlyRootFilesystem: true', 'allowPrivilegeEscalation: false', 'drop: [ALL]', 'seccompProfile: {type: RuntimeDefault}', 'automountServiceAccountToken: false', 'startupProbe:', 'livenessProbe:', 'readinessProbe:', 'maxUnavailable: 0']) ok(deployment.includes(part), part);
    match(deployment, /livenessProbe: \{httpGet: \{path: \/healthz/);
    match(deployment, /readinessProbe: \{httpGet: \{path: \/readyz/);
    for (const kind of ['PodDisruptionBudget', 'NetworkPolicy', 'Service', 'Ingress', 'ServiceMonitor', 'Deployment', 'Pod']) ok(all.includes(`kind: ${kind}\n`), kind);
  });

  test('variables that chart and compose file set are ones that the coordinator reads', () => {
    const sources = readdirSync(join(root, 'apps/api/src'), { recursive: true, encoding: 'utf8' }).filter((name) => name.endsWith('.ts') && !name.includes('test')).map((name) => read(join('apps/api/src', name))).join('\n');
    const named = new Set([...`${all}\n${read('infra/compose/compose.yaml').split('\nservices:')[0]!}`.matchAll(/(?:- name: |^ {4})((?:S3|GODWIT|DATABASE|REDIS)_\w+)/gm)].map(([, name]) => name!));
    ok(named.size >= 8);
    deepEqual([...named].filter((name) => !sources.includes(name)), []);
  });
});
