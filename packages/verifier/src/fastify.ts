import type { AccessTokenClaims } from '@heirloom/claims'
import type { FastifyPluginCallback, FastifyRequest, FastifySchema, RouteOptions, onRequestHookHandler } from 'fastify'
import { answerRefusal } from './answer-refusal.ts'
import { authorize } from './authorize.ts'
import { setCaller } from './caller.ts'
import { type Requirement, checkRequirement } from './requirement.ts'
import { type OnRefusal, reportRefusals } from './report-refusals.ts'
import type { Refusal } from './refusal.ts'
import type { Verdict, Verifier } from './verifier.ts'

declare module 'fastify' {
  interface FastifyInstance {
    /** A guard for `onRequest`: the route needs a good token. */
    authenticate: onRequestHookHandler
    /** A guard that also needs a scope (or several, with spaces between them). @throws TypeError without one. */
    requireScope(scope: string): onRequestHookHandler
    /** A guard that also needs a role. @throws TypeError without one. */
    requireRole(role: string): onRequestHookHandler
  }
}

export interface BearerAuthOptions {
  readonly verifier: Verifier<AccessTokenClaims>
  /** The name of the scheme in the OpenAPI document, under `components.securitySchemes`. Default: `bearerAuth`. */
  readonly securityScheme?: string
  /** At most 10 refusals a second are reported. Default: `request.log.debug`. */
  readonly onRefusal?: OnRefusal<FastifyRequest>
}

/** For `components.securitySchemes` of the OpenAPI document, under the name that `securityScheme` has. */
export const openApiBearerScheme = { type: 'http', scheme: 'bearer', bearerFormat: 'JWT' } as const

/**
 * A Fastify plugin: `app.authenticate`, `app.requireScope()` and `app.requireRole()` are `onRequest` hooks. Handlers of
 * guarded routes get the claims by `callerOf(request)`. Guarded routes say so in their schema: `security`, and the 401 and
 * 403 responses.
 */
export const bearerAuth: FastifyPluginCallback<BearerAuthOptions> = (
  app,
  { verifier, securityScheme = 'bearerAuth', onRefusal = logRefusal },
  done,
) => {
  const report = reportRefusals(onRefusal)
  app.decorate('authenticate', guard(verifier, {}, report))
  app.decorate('requireScope', (scope: string) => guard(verifier, { scope }, report))
  app.decorate('requireRole', (role: string) => guard(verifier, { role }, report))
  app.addHook('onRoute', (route) => describeGuards(route, securityScheme))
  done()
}
// The two marks by which Fastify gives the surrounding instance the decorators, and errors the plugin's name.
Object.assign(bearerAuth, {
  [Symbol.for('skip-override')]: true,
  [Symbol.for('fastify.display-name')]: '@heirloom/verifier',
})

/** What each guard needs, so that a route's guards can be told from its other hooks. */
const needOf = new WeakMap<object, Requirement>()

function guard(
  verifier: BearerAuthOptions['verifier'],
  need: Requirement,
  report: OnRefusal<FastifyRequest>,
): onRequestHookHandler {
  checkRequirement(need)
  const hook: onRequestHookHandler = function (request, reply, next) {
    const settle = (verdict: Verdict<AccessTokenClaims>) => {
      // A time-out may have answered while the keys were fetched.
      if (reply.sent) return
      if (verdict.ok) {
        setCaller(request, verdict.claims)
        next()
        return
      }
      report(verdict, request)
      const { status, headers, body } = answerRefusal(verdict, need)
      void reply.code(status).headers(headers).send(body)
    }
    const verdict = authorize(verifier, request.raw.rawHeaders, request.raw.url ?? '', need)
    if (verdict instanceof Promise) void verdict.then(settle, next)
    else settle(verdict)
  }
  needOf.set(hook, need)
  return hook
}

function logRefusal({ code, description }: Refusal, request: FastifyRequest) {
  request.log.debug({ code }, description)
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
