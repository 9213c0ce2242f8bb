// For whatever hands out a Request and takes a Response: Hono, Remix, Next.js route handlers, service workers' look-alikes.
import { authorizeRequest, createVerifier } from '@heirloom/verifier'

export const verifier = createVerifier({
  issuer: process.env.ISSUER ?? 'http://127.0.0.1:4000',
  audience: 'resource-api',
})

export async function handle(request: Request): Promise<Response> {
  const caller = await authorizeRequest(verifier, request, { scope: 'reports:read' })
  if (!caller.ok) return caller.response
  return Response.json({ reports: [], for: caller.claims.sub })
}
