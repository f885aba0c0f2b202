import { z } from 'zod';
import { sessionCookie } from './operators/sign-in.ts';
import { problem, problemMediaType, statusOf } from './problem.ts';
import type { RawAnswer, Route } from './route.ts';
import { commonFaults, operatorFaults, routes, signedFaults } from './routes.ts';

type Json = Record<string, unknown>;

/** The route table as an OpenAPI 3.1 document. `version` is the coordinator's. */
export function openApiDocument(version: string): Json {
  const paths: Record<string, Json> = {};
  for (const [id, route] of Object.entries<Route>(routes)) {
    const path = route.path.replace(/[:*]([A-Za-z]+)/g, '{$1}');
    paths[path] = { ...paths[path], [route.method.toLowerCase()]: operation(id, route) };
  }
  return {
    openapi: '3.1.0',
    info: {
      title: 'Godwit coordinator',
      version,
      description: 'Orders the leases, heads and devices of desktops. It never holds a key and never sees content.',
      license: { name: 'AGPL-3.0-or-later', identifier: 'AGPL-3.0-or-later' },
    },
    jsonSchemaDialect: 'https://json-schema.org/draft/2020-12/schema',
    paths,
    components: {
      schemas: { Problem: schemaOf(problem, 'output') },
      securitySchemes: {
        device: {
          type: 'http',
          scheme: 'Godwit',
          description: "Ed25519 signature of the device over method, path, body digest, time and nonce: see docs/protocol.md, 'Signed requests'",
        },
        url: { type: 'apiKey', in: 'query', name: 'signature', description: 'part of a URL from mintUrls' },
        session: { type: 'apiKey', in: 'cookie', name: sessionCookie, description: 'the session of an operator, from signIn or enrolOperator' },
        ticket: { type: 'apiKey', in: 'query', name: 'ticket', description: 'from operatorTicket, good once' },
      },
    },
  };
}

function operation(id: string, route: Route): Json {
  const signed = route.auth === 'self' || route.auth === 'host';
  return {
    operationId: id,
    summary: route.summary,
    security: securityOf(route),
    ...parameters(route),
    ...(route.body === undefined ? {} : { requestBody: { required: true, content: requestContent(route.body) } }),
    responses: { [String(route.status)]: success(route.answer), ...faultAnswers([...route.faults, ...commonFaults, ...(signed ? signedFaults : []), ...(route.auth === 'operator' || route.auth === 'visitor' ? operatorFaults : [])]) },
  };
}

function securityOf({ auth, role }: Route): readonly Record<string, readonly string[]>[] {
  if (auth === 'self' || auth === 'host') return [{ device: [] }];
  if (auth === 'operator') return [{ session: role === undefined ? [] : [role] }];
  return auth === 'url' || auth === 'ticket' ? [{ [auth]: [] }] : [];
}

function parameters(route: Route): Json {
  const path = [...route.path.matchAll(/[:*]([A-Za-z]+)/g)].map(([, name]) => ({
    name,
    in: 'path',
    required: true,
    schema: propertyOf(route.params, name ?? '') ?? { type: 'string' },
  }));
  const queryShape = route.query === undefined ? {} : ((schemaOf(route.query, 'input')['properties'] ?? {}) as Record<string, Json>);
  const required = route.query === undefined ? [] : ((schemaOf(route.query, 'input')['required'] ?? []) as string[]);
  const query = Object.entries(queryShape).map(([name, schema]) => ({ name, in: 'query', required: required.includes(name), schema }));
  return path.length + query.length === 0 ? {} : { parameters: [...path, ...query] };
}

function propertyOf(schema: z.ZodType | undefined, name: string): unknown {
  if (schema === undefined) return undefined;
  return (schemaOf(schema, 'input')['properties'] as Json | undefined)?.[name];
}

function requestContent(body: z.ZodType | 'bytes'): Json {
  if (body === 'bytes') return { 'application/octet-stream': {} };
  return { 'application/json': { schema: schemaOf(body, 'input') } };
}

const rawContent: Readonly<Record<RawAnswer, Json>> = {
  bytes: { description: 'the bytes', content: { 'application/octet-stream': {} } },
  text: { description: 'text', content: { 'text/plain': {} } },
  html: { description: 'a page', content: { 'text/html': {} } },
  websocket: { description: 'a WebSocket of text messages; see docs/protocol.md, "Events"' },
  empty: { description: 'done' },
};

function success(answer: z.ZodType | RawAnswer): Json {
  if (typeof answer === 'string') return rawContent[answer];
  return { description: 'done', content: { 'application/json': { schema: schemaOf(answer, 'output') } } };
}

function faultAnswers(codes: readonly Route['faults'][number][]): Json {
  const byStatus = new Map<number, string[]>();
  for (const code of codes) byStatus.set(statusOf(code), [...(byStatus.get(statusOf(code)) ?? []), code]);
  return Object.fromEntries(
    [...byStatus].map(([status, list]) => [
      String(status),
      { description: [...new Set(list)].join(', '), content: { [problemMediaType]: { schema: { $ref: '#/components/schemas/Problem' } } } },
    ]),
  );
}

function schemaOf(schema: z.ZodType, io: 'input' | 'output'): Json {
  const { $schema: _, ...json } = z.toJSONSchema(schema, { io, target: 'draft-2020-12' }) as Json;
  return json;
}
