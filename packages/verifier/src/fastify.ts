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
    /** A guard for `onRequest`: the route requires a good token. */
    authenticate: onRequestHookHandler
    /** A guard that also requires a scope, or several with spaces between them. @throws TypeError without one. */
    requireScope(scope: string): onRequestHookHandler
    /** A guard that also requires a role. @throws TypeError without one. */
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

/** For `components.securitySchemes` of the OpenAPI document, under the name given as `securityScheme`. */
export const openApiBearerScheme = { type: 'http', scheme: 'bearer', bearerFormat: 'JWT' } as const

/**
 * A Fastify plugin that adds the `onRequest` hooks `app.authenticate`, `app.requireScope()` and `app.requireRole()`.
 * Handlers of guarded routes get the claims with `callerOf(request)`. The plugin adds `security` and the responses that a
 * guard can send to the schema of each guarded route.
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
// With these two, Fastify adds the decorators to the surrounding instance, and names the plugin in errors.
Object.assign(bearerAuth, {
  [Symbol.for('skip-override')]: true,
  [Symbol.for('fastify.display-name')]: '@heirloom/verifier',
})

/** What each guard requires. It also distinguishes guards from other hooks. */
const requirementOf = new WeakMap<object, Requirement>()

function guard(
  verifier: BearerAuthOptions['verifier'],
  requirement: Requirement,
  report: OnRefusal<FastifyRequest>,
): onRequestHookHandler {
  checkRequirement(requirement)
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
      const { status, headers, body } = answerRefusal(verdict, requirement)
      void reply.code(status).headers(headers).send(body)
    }
    const verdict = authorize(verifier, request.raw.rawHeaders, request.raw.url ?? '', requirement)
    if (verdict instanceof Promise) void verdict.then(settle, next)
    else settle(verdict)
  }
  requirementOf.set(hook, requirement)
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

/** OpenAPI 3.1, "Security Requirement Object": the scopes, or for other schemes the roles, that the call requires. */
function describeGuards(route: RouteOptions, securityScheme: string) {
  const requirements = [route.onRequest ?? []].flat().flatMap((hook) => requirementOf.get(hook) ?? [])
  if (requirements.length === 0) return
  const names = requirements.flatMap(({ scope, role }) => [...(scope?.split(' ') ?? []), ...(role ? [role] : [])])
  const schema: FastifySchema & { security: object } = {
    security: [{ [securityScheme]: names }],
    ...route.schema,
    response: {
      400: errorBody('The request presents an access token in more than one way.'),
      401: errorBody('The request has no valid access token.'),
      ...(names.length > 0 ? { 403: errorBody(`The access token lacks ${names.join(' and ')}.`) } : {}),
      503: errorBody('Tokens cannot be checked right now.'),
      ...(route.schema?.response as object | undefined),
    },
  }
  route.schema = schema
}
