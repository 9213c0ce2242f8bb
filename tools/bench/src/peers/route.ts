// What HTTP alone costs: a bare Fastify route with bodies as long as ours. With SIGNS it also signs once, on the threads of
// the pool as we do. It has no store, no claims and no real refresh token.
import { generateKeyPairSync, sign } from 'node:crypto'
import { promisify } from 'node:util'
import Fastify from 'fastify'

/** As long as the signing input of one of our access tokens. */
const INPUT = 'a'.repeat(480)
const TOKEN = `hrt_${'a'.repeat(72)}`

const signInPool = promisify(sign)
const { privateKey } = generateKeyPairSync('rsa', { modulusLength: 2048 })
/** As long as it is in base64url. */
let signature = 'a'.repeat(342)

const app = Fastify()
app.post<{ Body: { refresh_token: string } }>('/auth/refresh', async ({ body }) => {
  if (process.env['SIGNS'] === 'true')
    signature = (await signInPool('sha256', Buffer.from(INPUT), privateKey)).toString('base64url')
  return { access_token: `${INPUT}.${signature}`, refresh_token: body.refresh_token, session_id: TOKEN }
})
await app.listen({ port: Number(process.env['PORT']) })
console.log(JSON.stringify({ tokens: Array.from({ length: Number(process.env['SESSIONS']) }, () => TOKEN) }))
