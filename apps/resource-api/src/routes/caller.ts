import type { App } from '@heirloom/service'
import { Type } from 'typebox'

const Caller = Type.Object({
  sub: Type.String(),
  client_id: Type.String(),
  sid: Type.String(),
  scope: Type.String(),
  roles: Type.Array(Type.String()),
  auth_time: Type.Number(),
  exp: Type.Number(),
})

export function callerRoutes(app: App) {
  app.get('/api/public', { schema: { response: { 200: Type.Object({ message: Type.String() }) } } }, async () => ({
    message: 'Anyone may read this.',
  }))

  app.get(
    '/api/me',
    { onRequest: app.authenticate, schema: { response: { 200: Caller } } },
    async ({ user: { sub, client_id, sid, scope, roles, auth_time, exp } }) => {
      return { sub, client_id, sid, scope, roles: [...roles], auth_time, exp }
    },
  )
}
