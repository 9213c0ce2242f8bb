import cors from '@fastify/cors'
import type { App } from '@heirloom/http-service'
import { allowedOrigin, corsRule } from '../rules/cors.ts'
import type { RealmSource } from '../rules/realm.ts'

/** Chromium keeps a preflight no longer. */
const PREFLIGHT_MAX_AGE_SECONDS = 7_200
/** What a client needs to read besides the headers that every page may: when to repeat, why it was refused, and the server's clock. */
const EXPOSED = ['Retry-After', 'WWW-Authenticate', 'Date', 'ETag', 'Preference-Applied']

/** Lets pages of the realm's origins make the calls that browsers need. A preflight is granted what it asks for, and no more. */
export function allowOrigins(root: App, realm: RealmSource): void {
  void root.register(cors, {
    delegator(request, done) {
      const rule = corsRule(request.url.replace(/\?.*/s, ''))
      const {
        origin,
        'access-control-request-method': method,
        'access-control-request-headers': names,
      } = request.headers
      const allowed = rule && allowedOrigin(rule, origin, realm.current())
      if (!rule || allowed === null || (method !== undefined && !rule.methods.includes(method)))
        return done(null, { origin: false })
      const asked = (names ?? '').split(',').map((name) => name.trim().toLowerCase())
      done(null, {
        origin: allowed,
        credentials: rule.credentials,
        methods: method ?? [...rule.methods],
        allowedHeaders: rule.headers.filter((name) => asked.includes(name)),
        exposedHeaders: EXPOSED,
        maxAge: PREFLIGHT_MAX_AGE_SECONDS,
        strictPreflight: false,
      })
    },
  })
}

/** The routes of this scope are documents for everyone. They do not vary by origin, so a cache keeps one copy. */
export function openToEveryOrigin(scope: App): void {
  scope.addHook('onRoute', (route) => {
    // Fastify's types do not know the member, which @fastify/cors reads.
    route.config = Object.assign(route.config ?? {}, { cors: false })
  })
  scope.addHook('onRequest', (_request, reply, done) => {
    reply.header('access-control-allow-origin', '*').header('access-control-expose-headers', EXPOSED.join(', '))
    done()
  })
}
