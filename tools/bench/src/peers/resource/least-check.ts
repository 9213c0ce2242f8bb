// The least that a correct check of an access token must do: decode, verify, parse, compare. It accepts other spellings of a token
// and members given twice, checks no form of a claim, asks no status list, keeps nothing, and gives no reason.
import { type JsonWebKeyInput, type KeyObject, createPublicKey, verify } from 'node:crypto'
import Fastify from 'fastify'
import { audience, host, issuer, jwksUri, port } from './settings.ts'

interface Key {
  kid: string
}

const { keys } = (await (await fetch(jwksUri)).json()) as { keys: (JsonWebKeyInput['key'] & Key)[] }
const publicKeys = new Map(keys.map((key) => [key.kid, createPublicKey({ key, format: 'jwk' })]))

const decode = (part: string) => JSON.parse(Buffer.from(part, 'base64url').toString('utf8')) as Record<string, unknown>

/** All tokens of a key have the same header, so it is parsed once, as ours is. */
let header: { text: string; key: KeyObject | undefined } | undefined

function keyOf(text: string): KeyObject | undefined {
  if (header?.text !== text) {
    const { alg, typ, kid } = decode(text)
    header = { text, key: alg === 'RS256' && typ === 'at+jwt' ? publicKeys.get(String(kid)) : undefined }
  }
  return header.key
}

/** The subject of a good token. */
function check(token: string): string | undefined {
  const first = token.indexOf('.')
  const second = token.lastIndexOf('.')
  const key = keyOf(token.slice(0, first))
  const input = Buffer.from(token.slice(0, second), 'latin1')
  if (!key || !verify('sha256', input, key, Buffer.from(token.slice(second + 1), 'base64url'))) return undefined
  const { iss, aud, sub, client_id, jti, iat, exp } = decode(token.slice(first + 1, second))
  const isGood =
    iss === issuer &&
    aud === audience &&
    typeof client_id === 'string' &&
    typeof jti === 'string' &&
    typeof iat === 'number' &&
    typeof exp === 'number' &&
    Date.now() < exp * 1000
  return isGood && typeof sub === 'string' ? sub : undefined
}

const app = Fastify()
app.get('/me', ({ headers: { authorization = '' } }, reply) => {
  const sub = check(authorization.slice('Bearer '.length))
  void (sub === undefined ? reply.code(401).send({ error: 'invalid_token' }) : reply.send({ sub }))
})
await app.listen({ host, port })
