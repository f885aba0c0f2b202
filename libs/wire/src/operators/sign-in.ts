import { z } from 'zod';
import { count, label, timeMs } from '../values.ts';

/** Who operates a coordinator: passkeys (WebAuthn), roles, sessions. */

/** The cookie of a session. `__Host-`: from this origin alone, over TLS or from this machine, for all paths. */
export const sessionCookie = '__Host-godwit-session';

/** viewer: sees; operator: acts on hosts, moves and jobs; admin: also decides who operates. Each may what those before it may. */
export const roles = ['viewer', 'operator', 'admin'] as const;
export const role = z.enum(roles);
export type Role = z.infer<typeof role>;
export const operatorName = z.string().min(1).max(64).regex(/^[^\p{C}]+$/u);
const id = z.string().regex(/^[0-9a-f]{32}$/);
/** As the coordinator printed it: 16 letters and digits, in groups of four or not. */
export const inviteCode = z.string().max(24).regex(/^[A-Za-z0-9-]+$/);
/** What a browser's WebAuthn call takes and gives back, as @simplewebauthn has it: checked by that library, bounded here. */
const webauthn = z.record(z.string().max(64), z.json());

/** `name`: of the first operator, who chooses it; others have the name that they were invited by. */
export const enrolOptionsBody = z.strictObject({ code: inviteCode, name: operatorName });
/** `fresh`: the provider is to ask who it is even if it knows, as what decides over others wants it. */
export const oidcOptionsBody = z.strictObject({ fresh: z.boolean() });
/** Where the browser is to go. */
export const oidcOptions = z.object({ url: z.url({ protocol: /^https?$/ }).max(4096) });
/** What the provider sent the browser back with: the query of the address, without `?`. */
export const oidcBody = z.strictObject({ query: z.string().min(1).max(4096) });
export const signInOptionsBody = z.strictObject({});
export const ceremonyOptions = z.object({ ceremonyId: id, options: webauthn });
export const ceremonyBody = z.strictObject({ ceremonyId: id, response: webauthn });

/** `oidc`: an OpenID provider knows it, and may let it in. */
export const operator = z.object({ operatorId: id, name: operatorName, role, passkeys: count, oidc: z.boolean(), createdMs: timeMs, lastSeenMs: timeMs.nullable() });
export type Operator = z.infer<typeof operator>;
export const operators = z.object({ operators: z.array(operator).max(256) });
/** `freshUntilMs`: until then acts that need a new sign-in are taken; ask for the passkey again after that. */
export const session = z.object({ sessionId: id, operator, startedMs: timeMs, expiresMs: timeMs, freshUntilMs: timeMs });
export type Session = z.infer<typeof session>;
/** `own`: the one that asks. `agent`: what its browser says it is. */
export const sessionRow = z.object({ sessionId: id, operatorName, startedMs: timeMs, lastSeenMs: timeMs, expiresMs: timeMs, agent: z.string().max(256), own: z.boolean() });
export type SessionRow = z.infer<typeof sessionRow>;
export const sessions = z.object({ sessions: z.array(sessionRow).max(1024) });
/** What the page asks before anybody has signed in. `oidc`: the button's words; null: only passkeys. */
export const signInWays = z.object({ anyOperator: z.boolean(), oidc: label.nullable() });

/** Where there is an operator of that name the code is for another passkey, and `role` has to be the one it has. */
export const inviteBody = z.strictObject({ role, name: operatorName });
export const invite = z.object({ code: z.string().max(24), expiresMs: timeMs });
export const operatorPath = z.strictObject({ operatorId: id });
export const roleBody = z.strictObject({ role });
export const sessionPath = z.strictObject({ sessionId: id });
/** For one WebSocket, within 30 s. */
export const ticket = z.object({ ticket: z.string().max(64), expiresMs: timeMs });
