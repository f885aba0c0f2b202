import { applyDecorators, createParamDecorator, Get, Head, HttpCode, Post, Put, SetMetadata, type ExecutionContext } from '@nestjs/common';
import type { Request, Response } from 'express';
import type { z } from 'zod';
import { Fault, printable } from '@godwit/base';
import { routes, type BodyOf, type ParamsOf, type QueryOf, type Route, type RouteId, type RouteMethod, type Routes } from '@godwit/wire';
import type { SignedIn } from '../operators/sessions.ts';
import type { Caller } from './caller.ts';
import { bodyBytesOf, parseJson } from './body.ts';

const routeIdKey = 'godwit:route';

const verbs: Readonly<Record<RouteMethod, (path: string) => MethodDecorator>> = { GET: Get, PUT: Put, POST: Post, HEAD: Head };

/** Makes a controller's method the handler of one route of the table: path, method, status and who may call it come from there. */
export function Serve(id: RouteId): MethodDecorator {
  const route: Route = routes[id];
  return applyDecorators(SetMetadata(routeIdKey, id), verbs[route.method](route.path), HttpCode(route.status));
}

/** The route of the handler that a request was given to. A handler without one is a defect: it would have no guard. */
export function routeOf(context: ExecutionContext): Route {
  return routes[routeIdOf(context)];
}

export function routeIdOf(context: ExecutionContext): RouteId {
  const id = Reflect.getMetadata(routeIdKey, context.getHandler()) as RouteId | undefined;
  if (id === undefined) throw new Fault('INTERNAL', { expected: 'a handler with @Serve' });
  return id;
}

/** What a handler gets: the request's parts as the route's schemas accept them. */
export interface Call<Id extends RouteId> {
  readonly params: ParamsOf<Routes[Id]>;
  readonly query: QueryOf<Routes[Id]>;
  readonly body: BodyOf<Routes[Id]>;
  /** The host that signed the request; on routes with `auth: 'host'` only. */
  readonly caller: Routes[Id]['auth'] extends 'host' ? Caller : undefined;
  /** The operator who asks; on routes with `auth: 'operator'` only. */
  readonly operator: Routes[Id]['auth'] extends 'operator' ? SignedIn : undefined;
  readonly request: Request;
  readonly response: Response;
}

export interface WithCaller {
  caller?: Caller;
  operator?: SignedIn;
}

/** The one parameter of a handler: `(@Asked() call: Call<'createDesktop'>)`. Throws REQUEST_INVALID, naming the first field that is wrong. */
export const Asked = createParamDecorator((_: unknown, context: ExecutionContext) => {
  const route = routeOf(context);
  const http = context.switchToHttp();
  const request = http.getRequest<Request & WithCaller>();
  return {
    params: route.params === undefined ? undefined : accept(route.params, { ...request.params }, 'path'),
    query: route.query === undefined ? undefined : accept(route.query, { ...request.query }, 'query'),
    body: route.body === undefined || route.body === 'bytes' ? undefined : accept(route.body, parseJson(bodyBytesOf(request)), 'body'),
    caller: request.caller,
    operator: request.operator,
    request,
    response: http.getResponse<Response>(),
  };
});

export function accept<Schema extends z.ZodType>(schema: Schema, value: unknown, where: string): z.infer<Schema> {
  const result = schema.safeParse(value, { reportInput: false });
  if (result.success) return result.data;
  const [issue] = result.error.issues;
  const field = printable([where, ...(issue?.path.map(String) ?? [])].join('.').slice(0, 120));
  throw new Fault('REQUEST_INVALID', { subject: field, expected: printable((issue?.message ?? 'another value').slice(0, 200)) });
}
