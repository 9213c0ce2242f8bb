import { execFileSync } from 'node:child_process'
import { createHmac, createPublicKey, generateKeyPairSync, type KeyObject, randomUUID, sign } from 'node:crypto'
import { readFileSync } from 'node:fs'
import { request } from 'node:http'
import { createServer } from 'node:https'
import { join } from 'node:path'
import { freePort } from '@heirloom/local-stack'
import { afterAll, inject } from 'vitest'
import { keyEncryption } from '@heirloom/auth-server/internals/keys/key-encryption'
import { openDatabase } from '@heirloom/auth-server/internals/postgres/database'
import { testServer } from '@heirloom/auth-server/testing'

/** A token or none, and the status that the recipe must answer. */
export interface Case {
  token: string | undefined
  status: number
}

/** A real auth server behind TLS, as in production, and tokens of every kind, made with its own key. */
export async function startIssuer() {
  const port = await freePort()
  const issuer = `https://localhost:${port}`
  const server = await testServer({ ISSUER: issuer, DATABASE_STATEMENT_TIMEOUT_MS: '10000' })
  const caFile = await serveTls(port, server.service.url)
  const { sub, tokens } = await logIn(server)
  const casesWithNewestKey = async () => casesOf(tokens.access_token, await newestKey(server.env))
  return { url: issuer, caFile, sub, env: server.env, cases: await casesWithNewestKey(), casesWithNewestKey }
}

async function logIn(server: Awaited<ReturnType<typeof testServer>>) {
  const { tokens } = await server.login()
  const { body } = await server.call('GET', '/auth/me', undefined, { authorization: `Bearer ${tokens.access_token}` })
  return { sub: body.id as string, tokens }
}

/** Serves TLS in front of the server. Returns the file of the certificate that clients must trust. */
async function serveTls(port: number, target: string): Promise<string> {
  const file = join(inject('runFolder'), `tls-${randomUUID()}`)
  const [certificate, privateKey] = [`${file}.crt`, `${file}.key`]
  execFileSync(
    'openssl',
    ['req', '-x509', '-newkey', 'rsa:2048', '-nodes', '-keyout', privateKey, '-out', certificate, '-days', '2'].concat([
      '-subj',
      '/CN=localhost',
      '-addext',
      'subjectAltName=DNS:localhost',
    ]),
    { stdio: 'pipe' },
  )
  const proxy = createServer({ cert: readFileSync(certificate), key: readFileSync(privateKey) }, (from, to) => {
    from.pipe(
      request(target + from.url, { method: from.method, headers: from.headers }, (answer) => {
        to.writeHead(answer.statusCode ?? 502, answer.headers)
        answer.pipe(to)
      }),
    )
  })
  await new Promise<void>((resolve) => proxy.listen(port, 'localhost', resolve))
  afterAll(() => {
    proxy.closeAllConnections()
    proxy.close()
  })
  return certificate
}

/** The newest key. A forged token is thus wrong in one way only. */
async function newestKey(env: Record<string, string>) {
  const database = openDatabase({ url: env['DATABASE_URL'] ?? '', poolSize: 1, statementTimeoutMs: 10_000 })
  const { kid, privateEncrypted } = await database.signingKey.findFirstOrThrow({ orderBy: { signsFrom: 'desc' } })
  await database.$disconnect()
  return { kid, privateKey: keyEncryption(env['KEY_ENCRYPTION_SECRET'] ?? '').unwrap(kid, privateEncrypted) }
}

function casesOf(good: string, key: { kid: string; privateKey: KeyObject }) {
  const [header, claims] = good.split('.', 2).map((part) => JSON.parse(Buffer.from(part, 'base64url').toString()))
  const now = Math.floor(Date.now() / 1000)
  const stranger = generateKeyPairSync('rsa', { modulusLength: 2048 }).privateKey
  const inputOf = (changes: object, headerChanges: object) =>
    [
      { ...header, ...headerChanges },
      { ...claims, ...changes },
    ]
      .map((part) => Buffer.from(JSON.stringify(part)).toString('base64url'))
      .join('.')
  const make = (changes: object, headerChanges: object = {}, privateKey = key.privateKey) => {
    const input = inputOf(changes, headerChanges)
    return `${input}.${sign('sha256', Buffer.from(input), privateKey).toString('base64url')}`
  }
  /** The attack of RFC 8725, section 2.1: the public key is used as a secret. */
  const hmac = () => {
    const input = inputOf({}, { alg: 'HS256' })
    const secret = createPublicKey(key.privateKey).export({ format: 'pem', type: 'spki' })
    return `${input}.${createHmac('sha256', secret).update(input).digest('base64url')}`
  }
  return {
    'a token from a login': { token: good, status: 200 },
    'the same claims, signed here': { token: make({}), status: 200 },
    'an audience among others': { token: make({ aud: ['another-api', 'resource-api'] }), status: 200 },
    'no token': { token: undefined, status: 401 },
    'not a token': { token: 'hello', status: 401 },
    'cut short': { token: good.slice(0, -20), status: 401 },
    'for another audience': { token: make({ aud: 'another-api' }), status: 401 },
    'for no audience': { token: make({ aud: undefined }), status: 401 },
    'of another issuer': { token: make({ iss: 'https://auth.example' }), status: 401 },
    expired: { token: make({ iat: now - 1000, auth_time: now - 1000, exp: now - 100 }), status: 401 },
    'without an end': { token: make({ exp: undefined }), status: 401 },
    'signed by a stranger': { token: make({}, {}, stranger), status: 401 },
    'of an unknown key': { token: make({}, { kid: 'unknown' }, stranger), status: 401 },
    unsigned: { token: `${inputOf({}, { alg: 'none' })}.`, status: 401 },
    'HS256 with the public key': { token: hmac(), status: 401 },
    'an ID token, by its typ': { token: make({}, { typ: 'JWT' }), status: 401 },
    'without a typ': { token: make({}, { typ: undefined }), status: 401 },
    'without the scope': { token: make({ scope: 'reports:write' }), status: 403 },
    'with a longer scope of that beginning': { token: make({ scope: 'reports:readable' }), status: 403 },
  } satisfies Record<string, Case>
}
