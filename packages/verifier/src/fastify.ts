import type { AccessTokenClaims, HeirloomClaims } from '@heirloom/claims'
import type {
  FastifyPluginCallback,
  FastifyReply,
  FastifyRequest,
  FastifySchema,
  RouteOptions,
  onRequestHookHandler,
} from 'fastify'
import { answerRefusal } from './answer-refusal.ts'
import { authorize } from './authorize.ts'
import type { Need } from './need.ts'
import type { Verdict, Verifier } from './verifier.ts'

/**
 * The type of `request.user`. For tokens of another profile:
 * `declare module '@heirloom/verifier/fastify' { interface Register { claims: AccessTokenClaims } }`
 */
// oxlint-disable-next-line typescript/no-empty-object-type -- it is there to be added to
export interface Register {}
export type RegisteredClaims = Register extends { claims: infer Claims } ? Claims : HeirloomClaims

declare module 'fastify' {
  interface FastifyRequest {
    /** The claims of the caller's token. Null on routes without one of the guards. */
    user: RegisteredClaims
  }
  interface FastifyInstance {
    /** A guard for `onRequest`: the route needs a good token. */
    authenticate: onRequestHookHandler
    /** A guard that also needs a scope (or several, with spaces between them). */
    requireScope(scope: string): onRequestHookHandler
    /** A guard that also needs a role. */
    requireRole(role: string): onRequestHookHandler
  }
}

export interface BearerAuthOptions {
  readonly verifier: Verifier<RegisteredClaims & AccessTokenClaims>
  /** The name of the scheme in the OpenAPI document, under `components.securitySchemes`. Default: `bearerAuth`. */
  readonly securityScheme?: string
}

/** For `components.securitySchemes` of the OpenAPI document, under the name that `securityScheme` has. */
export const openApiBearerScheme = { type: 'http', scheme: 'bearer', bearerFormat: 'JWT' } as const

/**
 * A Fastify plugin: `app.authenticate`, `app.requireScope()` and `app.requireRole()` are `onRequest` hooks, and what they
 * let through has `request.user`. Guarded routes say so in their schema: `security`, and the 401 and 403 responses.
 */
export const bearerAuth: FastifyPluginCallback<BearerAuthOptions> = (
  app,
  { verifier, securityScheme = 'bearerAuth' },
  done,
) => {
  app.decorateRequest('user', null as unknown as RegisteredClaims)
  app.decorate('authenticate', guard(verifier, {}))
  app.decorate('requireScope', (scope: string) => guard(verifier, { scope }))
  app.decorate('requireRole', (role: string) => guard(verifier, { role }))
  app.addHook('onRoute', (route) => describeGuards(route, securityScheme))
  done()
}
// The two marks by which Fastify gives the surrounding instance the decorators, and errors the plugin's name.
Object.assign(bearerAuth, {
  [Symbol.for('skip-override')]: true,
  [Symbol.for('fastify.display-name')]: '@heirloom/verifier',
})

/** What each guard needs, so that a route's guards can be told from its other hooks. */
const needOf = new WeakMap<object, Need>()

function guard(verifier: BearerAuthOptions['verifier'], need: Need): onRequestHookHandler {
  const hook: onRequestHookHandler = function (request, reply, next) {
    const verdict = authorize(verifier, request.raw.rawHeaders, request.raw.url ?? '', need)
    if (verdict instanceof Promise) void verdict.then((late) => settle(request, reply, next, need, late))
    else settle(request, reply, next, need, verdict)
  }
  needOf.set(hook, need)
  return hook
}

function settle(
  request: FastifyRequest,
  reply: FastifyReply,
  next: () => void,
  need: Need,
  verdict: Verdict<RegisteredClaims & AccessTokenClaims>,
) {
  if (verdict.ok) {
    request.user = verdict.claims
    next()
    return
  }
  const { status, headers, body } = answerRefusal(verdict, need)
  request.log.debug({ code: verdict.code }, verdict.description)
  void reply.code(status).headers(headers).send(body)
}

const errorBody = (description: string) => ({
  description,
  type: 'object',
  required: ['error', 'error_description'],
  properties: { error: { type: 'string' }, error_description: { type: 'string' } },
})

/** OpenAPI 3.1, "Security Requirement Object": the scopes, or for other schemes the roles, that the call needs. */
function describeGuards(route: RouteOptions, securityScheme: string) {
  const needs = [route.onRequest ?? []].flat().flatMap((hook) => needOf.get(hook) ?? [])
  if (needs.length === 0) return
  const names = needs.flatMap(({ scope, role }) => [...(scope?.split(' ') ?? []), ...(role ? [role] : [])])
  const schema: FastifySchema & { security: object } = {
    security: [{ [securityScheme]: names }],
    ...route.schema,
    response: {
      401: errorBody('No access token, or not a valid one.'),
      ...(names.length > 0 ? { 403: errorBody(`The access token lacks ${names.join(' and ')}.`) } : {}),
      ...(route.schema?.response as object | undefined),
    },
  }
  route.schema = schema
}
