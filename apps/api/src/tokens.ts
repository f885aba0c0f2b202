/** Names under which the parts that are not classes of their own are injected. */
export const databaseToken = Symbol('database');
export const logToken = Symbol('log');
export const clockToken = Symbol('clock');
export const randomToken = Symbol('random');
export const oidcToken = Symbol('OpenID provider');
