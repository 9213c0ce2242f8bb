import { type KeyObject, constants, generateKeyPairSync, sign } from 'node:crypto'
import { type IncomingMessage, type ServerResponse, createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { onTestFinished } from 'vitest'

export interface SigningKey {
  readonly kid: string
  readonly alg: string
  readonly privateKey: KeyObject
  readonly publicKey: KeyObject
  readonly jwk: Record<string, unknown>
}

const generate = {
  RS256: () => generateKeyPairSync('rsa', { modulusLength: 2048 }),
  PS256: () => generateKeyPairSync('rsa', { modulusLength: 2048 }),
  ES256: () => generateKeyPairSync('ec', { namedCurve: 'P-256' }),
  EdDSA: () => generateKeyPairSync('ed25519'),
}

export function makeKey(kid: string, alg: keyof typeof generate = 'RS256', pair = generate[alg]()): SigningKey {
  const jwk = { ...pair.publicKey.export({ format: 'jwk' }), kid, alg, use: 'sig' }
  return { kid, alg, privateKey: pair.privateKey, publicKey: pair.publicKey, jwk }
}

export const encode = (part: object | string | Buffer) =>
  (Buffer.isBuffer(part) ? part : Buffer.from(typeof part === 'string' ? part : JSON.stringify(part))).toString(
    'base64url',
  )

/** Signs any header and payload, valid or not. `header` and `payload` may be JSON text. */
export function signToken(key: SigningKey, payload: object | string, header: object | string = {}): string {
  const head = typeof header === 'string' ? header : { alg: key.alg, typ: 'at+jwt', kid: key.kid, ...header }
  const input = Buffer.from(`${encode(head)}.${encode(payload)}`)
  const signature =
    key.alg === 'PS256'
      ? sign('sha256', input, { key: key.privateKey, padding: constants.RSA_PKCS1_PSS_PADDING, saltLength: 32 })
      : key.alg === 'ES256'
        ? sign('sha256', input, { key: key.privateKey, dsaEncoding: 'ieee-p1363' })
        : sign(key.alg === 'EdDSA' ? null : 'sha256', input, key.privateKey)
  return `${input.toString()}.${encode(signature)}`
}

export const ISSUER = 'https://auth.example'
export const AUDIENCE = 'resource-api'
export const NOW_SECONDS = 1_800_000_000

export const claimsOf = (changes: Record<string, unknown> = {}) => ({
  iss: ISSUER,
  aud: AUDIENCE,
  sub: 'user-1',
  client_id: 'web',
  sid: 'session-1',
  jti: 'token-1',
  iat: NOW_SECONDS,
  exp: NOW_SECONDS + 900,
  auth_time: NOW_SECONDS,
  scope: 'reports:read',
  roles: ['user'],
  ...changes,
})

/** A local HTTP server that ends with the test. Returns its origin. */
export async function serve(handler: (request: IncomingMessage, response: ServerResponse) => void): Promise<string> {
  const server = createServer(handler)
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  onTestFinished(() => {
    server.closeAllConnections()
    server.close()
  })
  return `http://127.0.0.1:${(server.address() as AddressInfo).port}`
}
