import { type KeyObject, generateKeyPair, randomUUID, sign } from 'node:crypto'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { promisify } from 'node:util'
import { BusyStatusList } from './status-list.ts'

const AUDIENCE = 'resource-api'
/** The bare route answers with it too, so that all bodies have the same length. */
export const SUBJECT = '0198c1f4-6d5c-7c9a-b3f1-5a2d9e8b7c60'

/** The settings of a service that trusts the issuer. */
export const settingsOf = ({ issuer, jwksUri }: Pick<Issuer, 'issuer' | 'jwksUri'>, port: number) => ({
  PATH: process.env['PATH'],
  NODE_ENV: 'production',
  ISSUER: issuer,
  JWKS_URI: jwksUri,
  AUDIENCE,
  PORT: String(port),
})

const KID = 'mT9c0lF1vKXc0r0yqVZ3Hn0WfWkzgq0m7xWq3bB2f8E'

export interface Issuer {
  issuer: string
  jwksUri: string
  /** Returns different tokens, like those of Heirloom's auth server. */
  tokens: (count: number) => Promise<string[]>
  stop: () => void
}

/** Publishes a key, signs with it, and answers every kind of discovery that the contenders use. */
export async function startIssuer(): Promise<Issuer> {
  const { privateKey, publicKey } = await promisify(generateKeyPair)('rsa', { modulusLength: 2048 })
  const jwks = { keys: [{ ...publicKey.export({ format: 'jwk' }), kid: KID, alg: 'RS256', use: 'sig' }] }
  const list = new BusyStatusList((claims) => signed({ typ: 'statuslist+jwt' }, claims, privateKey))
  const server = createServer((request, response) => {
    if (request.url === '/status/0') return void list.answer(`${issuer}/status/0`, request, response)
    const body = request.url === '/.well-known/jwks.json' ? jwks : { issuer, jwks_uri: jwksUri }
    response.writeHead(200, { 'content-type': 'application/json', 'cache-control': 'max-age=300' })
    response.end(JSON.stringify(body))
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  const issuer = `http://127.0.0.1:${(server.address() as AddressInfo).port}`
  let nextIndex = 0
  const jwksUri = `${issuer}/.well-known/jwks.json`
  return {
    issuer,
    jwksUri,
    tokens: async (count) =>
      Promise.all(Array.from({ length: count }, async () => makeToken(issuer, nextIndex++, privateKey))),
    stop() {
      server.closeAllConnections()
      server.close()
    },
  }
}

async function makeToken(issuer: string, index: number, privateKey: KeyObject): Promise<string> {
  const now = Math.floor(Date.now() / 1000)
  const claims = {
    iss: issuer,
    aud: AUDIENCE,
    sub: SUBJECT,
    client_id: 'web',
    sid: randomUUID(),
    jti: randomUUID(),
    iat: now,
    exp: now + 3_600,
    auth_time: now,
    scope: 'reports:read reports:write',
    roles: ['editor'],
    status: { status_list: { idx: index, uri: `${issuer}/status/0` } },
  }
  return signed({ typ: 'at+jwt' }, claims, privateKey)
}

async function signed(header: object, claims: object, privateKey: KeyObject): Promise<string> {
  const input = `${encode({ alg: 'RS256', ...header, kid: KID })}.${encode(claims)}`
  // On libuv's threads, so that all cores sign.
  const signature = await new Promise<Buffer>((resolve, reject) =>
    sign('sha256', Buffer.from(input), privateKey, (error, made) => (error ? reject(error) : resolve(made))),
  )
  return `${input}.${signature.toString('base64url')}`
}

/** The same token with one character of the signature changed: only the verification can detect it. */
export function forge(token: string): string {
  const at = token.lastIndexOf('.') + 100
  return `${token.slice(0, at)}${token[at] === 'A' ? 'B' : 'A'}${token.slice(at + 1)}`
}

function encode(part: object): string {
  return Buffer.from(JSON.stringify(part)).toString('base64url')
}
