import { deepEqual, equal, ok } from 'node:assert/strict';
import { test } from 'node:test';
import { z } from 'zod';
import { faultCodes } from '@godwit/base';
import { openApiDocument } from './openapi.ts';
import { statusOf } from './problem.ts';
import { pathOf, type Route } from './route.ts';
import { commonFaults, routes, signedFaults } from './routes.ts';

const table = Object.entries<Route>(routes);
type Json = Record<string, unknown>;

test('each (method, path) is one route', () => {
  const names = table.map(([, { method, path }]) => `${method} ${path.replace(/[:*][A-Za-z]+/g, '*')}`);
  equal(new Set(names).size, names.length);
});

test('parameters of a path are exactly those of its schema', () => {
  for (const [id, { path, params, auth }] of table) {
    if (auth === 'url') continue; // the key is checked with its signature
    const named = [...path.matchAll(/[:*]([A-Za-z]+)/g)].map(([, name]) => name).sort();
    const inSchema = params === undefined ? [] : Object.keys((z.toJSONSchema(params) as { properties: Json }).properties).sort();
    deepEqual(named, inSchema, id);
  }
});

test('each fault that a route names is in the catalogue with a status of its own kind', () => {
  for (const [id, { faults }] of table) {
    for (const code of [...faults, ...commonFaults, ...signedFaults]) {
      ok(Object.hasOwn(faultCodes, code), `${id}: ${code}`);
      ok(statusOf(code) >= 400 && statusOf(code) <= 599, code);
    }
  }
  for (const code of signedFaults) ok([401, 403].includes(statusOf(code)), code);
});

test('every string, list and map that a request may hold has a bound', () => {
  for (const [id, { params, query, body }] of table) {
    for (const schema of [params, query, body]) {
      if (schema !== undefined && schema !== 'bytes') requireBounds(z.toJSONSchema(schema, { io: 'input' }), id);
    }
  }
});

function requireBounds(schema: Json, where: string): void {
  const bounded = (limit: string): void => ok(schema[limit] !== undefined || 'enum' in schema || 'const' in schema, `${where}: no ${limit} in ${JSON.stringify(schema).slice(0, 200)}`);
  if (schema['type'] === 'string' && !isExact(schema['pattern'])) bounded('maxLength');
  if (schema['type'] === 'array') bounded('maxItems');
  if (schema['type'] === 'object' && schema['propertyNames'] === undefined) equal(schema['additionalProperties'], false, `${where} is not strict`);
  for (const [name, inner] of Object.entries((schema['properties'] ?? {}) as Record<string, Json>)) requireBounds(inner, `${where}.${name}`);
  for (const list of ['anyOf', 'oneOf', 'allOf']) for (const inner of (schema[list] ?? []) as Json[]) requireBounds(inner, where);
  for (const inner of [schema['items'], schema['propertyNames']]) if (inner !== undefined) requireBounds(inner as Json, where);
  if (typeof schema['additionalProperties'] === 'object') requireBounds(schema['additionalProperties'] as Json, where);
}

/** A pattern from start to end without `*` or `+` bounds the length itself. */
function isExact(pattern: unknown): boolean {
  return typeof pattern === 'string' && /^\^.*\$$/.test(pattern) && !/[*+]/.test(pattern);
}

test('the OpenAPI document has each route once, and is JSON', () => {
  const document = JSON.parse(JSON.stringify(openApiDocument('1.2.3'))) as { openapi: string; paths: Record<string, Record<string, Json>> };
  equal(document.openapi, '3.1.0');
  const described = Object.values(document.paths).flatMap((methods) => Object.values(methods).map((operation) => operation['operationId']));
  deepEqual(described.sort(), Object.keys(routes).sort());
  for (const [id, route] of table) {
    const operation = document.paths[route.path.replace(/[:*]([A-Za-z]+)/g, '{$1}')]?.[route.method.toLowerCase()];
    const { security, responses } = operation as { security: unknown[]; responses: Record<string, { description: string }> };
    equal(security.length, route.auth === 'none' || route.auth === 'visitor' ? 0 : 1, id);
    for (const code of route.faults) ok(responses[statusOf(code)]?.description.includes(code), `${id}: ${code}`);
  }
});

test('a path is filled in and encoded', () => {
  equal(pathOf(routes.readManifest, { desktopId: 'ab'.repeat(16), sequence: '7' }), `/v1/desktops/${'ab'.repeat(16)}/checkpoints/7/manifest`);
  equal(pathOf(routes.findJoin, {}, { code: 'AB-12 34' }), '/v1/joins?code=AB-12%2034');
  equal(pathOf(routes.readChain, {}, { from: undefined }), '/v1/chain');
  equal(pathOf(routes.getObject, { key: 'a/b c' }), '/objects/a/b%20c');
});
