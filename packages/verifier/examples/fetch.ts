// For any framework with the web's Request and Response, such as Hono, Remix or Next.js route handlers.
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
