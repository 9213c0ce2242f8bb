import type { AccessTokenClaims } from '@heirloom/claims'
import type {
  FastifyInstance,
  FastifyPluginCallback,
  FastifyReply,
  FastifyRequest,
  FastifySchema,
  RouteOptions,
  onRequestHookHandler,
} from 'fastify'
import { answerRefusal } from './answer-refusal.ts'
import { authorize } from './authorize.ts'
import { setCaller, wholeRequirement } from './caller.ts'
import { type Requirement, checkRequirement } from './requirement.ts'
import { type OnRefusal, reportRefusals } from './report-refusals.ts'
import type { Refusal } from './refusal.ts'
import { answerMetadata } from './resource/answer-metadata.ts'
import type { ProtectedResource } from './resource/protected-resource.ts'
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
 * guard can send to the schema of each guarded route. If the verifier has a `resource`, the plugin also serves its metadata,
 * unless a route of the application has their address.
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
  done(verifier.resource && serveMetadata(app, verifier.resource))
}
// With these two, Fastify adds the decorators to the surrounding instance, and names the plugin in errors.
Object.assign(bearerAuth, {
  [Symbol.for('skip-override')]: true,
  [Symbol.for('fastify.display-name')]: '@heirloom/verifier',
})

/** What each guard requires. It also distinguishes guards from other hooks. */
const requirementOf = new WeakMap<object, Requirement>()

/** In the `config` of a route: the scopes that its guards require, for the challenge of the first that refuses. */
const FOLLOWING = Symbol('scopes of the guards of a route')

/**
 * A hook of the application may guard all of its routes, and with them those of the metadata. So they are answered in a hook
 * that comes before. @returns why they cannot be served.
 */
function serveMetadata(app: FastifyInstance, resource: ProtectedResource): Error | undefined {
  const metadataPaths = resource.metadataPaths.filter((url) => !app.hasRoute({ method: 'GET', url }))
  const [first] = metadataPaths
  if (first === undefined) return undefined
  if (app.prefix !== '') {
    return new TypeError(
      `bearerAuth is registered under ${app.prefix}, but ${first} is at the root. Serve verifier.resource.metadata there first.`,
    )
  }
  const served = { ...resource, metadataPaths }
  const serve = (request: FastifyRequest, reply: FastifyReply, next: () => void) => {
    const [path = ''] = (request.raw.url ?? '').split('?')
    const answer = answerMetadata(served, request.method, path)
    if (answer) void reply.code(answer.status).headers(answer.headers).send(answer.body)
    else next()
  }
  app.addHook('onRequest', serve)
  for (const url of metadataPaths) {
    app.get(url, { schema: METADATA_SCHEMA }, () => undefined)
    app.options(url, { schema: HIDDEN }, () => undefined)
  }
  return undefined
}

/** Kept out of the OpenAPI document. */
const HIDDEN: FastifySchema & { hide: true } = { hide: true }
const text = { type: 'string' }
const texts = { type: 'array', items: text }
const METADATA_SCHEMA: FastifySchema & { summary: string } = {
  summary: 'What this service says of itself to clients: protected resource metadata (RFC 9728)',
  response: {
    200: {
      description: 'The metadata.',
      type: 'object',
      required: ['resource', 'authorization_servers', 'bearer_methods_supported'],
      properties: {
        resource: text,
        authorization_servers: texts,
        bearer_methods_supported: texts,
        scopes_supported: texts,
        resource_name: text,
        resource_documentation: text,
      },
    },
  },
}

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
        setCaller(request, verdict.claims, requirement)
        next()
        return
      }
      report(verdict, request)
      const { [FOLLOWING]: following } = request.routeOptions.config as { [FOLLOWING]?: string }
      const whole = wholeRequirement(request, requirement, following)
      const { status, headers, body } = answerRefusal(verdict, whole, verifier.resource)
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
  const scopes = requirements.flatMap(({ scope }) => scope ?? [])
  if (scopes.length > 0) route.config = Object.assign(route.config ?? {}, { [FOLLOWING]: scopes.join(' ') })
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
