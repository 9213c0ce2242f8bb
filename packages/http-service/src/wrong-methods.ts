import type { FastifyInstance, HTTPMethods } from 'fastify'
import { errorBody } from './error-body.ts'

/** Without OPTIONS, which belongs to plugins: CORS answers preflights with it. */
const METHODS: HTTPMethods[] = ['GET', 'HEAD', 'POST', 'PUT', 'PATCH', 'DELETE']

/** Answers 405 with `Allow` (RFC 9110, section 15.5.6) if one of the routes has the address but not the method. */
export function answerWrongMethods(app: FastifyInstance, addRoutes: () => void) {
  const methodsOf = new Map<string, Set<string>>()
  app.addHook('onRoute', ({ url, method }) => {
    const methods = methodsOf.get(url) ?? new Set()
    for (const name of [method].flat()) methods.add(name)
    methodsOf.set(url, methods)
  })
  addRoutes()

  // Plugins load in order: when this one does, all routes are known.
  void app.register(async (scope) => {
    for (const [url, methods] of methodsOf) {
      const others = METHODS.filter((method) => !methods.has(method))
      if (others.length === 0 || url.includes('*') || (url.length > 1 && url.endsWith('/'))) continue
      const allowed = [...methods].toSorted().join(', ')
      scope.route({
        method: others,
        url,
        // Kept out of the OpenAPI document.
        schema: { hide: true },
        // Before the body is read, as nothing will use it.
        onRequest: async (_request, reply) =>
          reply
            .code(405)
            .header('allow', allowed)
            .send(errorBody('method_not_allowed', `This address supports ${allowed} only.`)),
        handler: () => undefined,
      })
    }
  })
}
