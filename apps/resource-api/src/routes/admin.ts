import type { App } from '@heirloom/service'
import type { Verifier } from '@heirloom/verifier'
import { Type } from 'typebox'

const Stats = Type.Object({
  uptime_seconds: Type.Integer(),
  tokens: Type.Object({
    seen_before: Type.Integer(),
    verified: Type.Integer(),
    refused: Type.Record(Type.String(), Type.Integer(), { description: 'By the reason, which no client is told.' }),
  }),
})

export function adminRoutes(app: App, verifier: Verifier) {
  app.get(
    '/api/admin/stats',
    { onRequest: app.requireRole('admin'), schema: { response: { 200: Stats } } },
    async () => {
      const { seenBefore, verified, refused } = verifier.stats()
      return { uptime_seconds: Math.floor(process.uptime()), tokens: { seen_before: seenBefore, verified, refused } }
    },
  )
}
