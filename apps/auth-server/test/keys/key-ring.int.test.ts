import { createPublicKey, verify } from 'node:crypto'
import { once } from 'node:events'
import { createServer } from 'node:http'
import { type AddressInfo } from 'node:net'
import { testStores } from '@heirloom/local-stack/testing'
import { createVerifier } from '@heirloom/verifier'
import { afterAll, beforeEach, describe, expect, test } from 'vitest'
import { keyEncryption } from '../../src/keys/key-encryption.ts'
import { type KeyPolicy, KeyRing, MAX_KEYS } from '../../src/keys/key-ring.ts'
import { TokenLifetimes } from '../../src/keys/token-lifetimes.ts'
import { TokenSigner } from '../../src/keys/token-signer.ts'
import { type Database, openDatabase } from '../../src/postgres/database.ts'

const SECRET = 'a secret of at least 32 bytes, made for a test'
const POLICY: KeyPolicy = {
  algorithm: 'RS256',
  bits: 2048,
  leadMs: 60_000,
  retireMs: () => 30_000,
  rotateAfterMs: null,
}

const { databaseUrl } = await testStores()
const database: Database = openDatabase({ url: databaseUrl, poolSize: 5, statementTimeoutMs: 10_000 })
afterAll(() => database.$disconnect())
beforeEach(() => database.signingKey.deleteMany())

const ring = (policy: Partial<KeyPolicy> = {}, secret = SECRET) =>
  new KeyRing(database, keyEncryption(secret), { ...POLICY, ...policy }, () => undefined)

/** Reads the keys as a resource service does at its start, with the defaults of the verifier. */
async function expectReady(keys: KeyRing): Promise<void> {
  const server = createServer((_request, response) => {
    response.setHeader('content-type', 'application/json')
    response.end(JSON.stringify({ keys: keys.published(Date.now()).map(({ publicJwk }) => publicJwk) }))
  }).listen(0, '127.0.0.1')
  await once(server, 'listening')
  const issuer = `http://127.0.0.1:${(server.address() as AddressInfo).port}`
  const verifier = createVerifier({ issuer, audience: 'a', jwksUri: `${issuer}/jwks.json`, algorithms: ['ES256'] })
  await verifier.ready()
  verifier.close()
  server.close()
}

const claims = (iat: number) => ({
  iss: 'i',
  aud: 'a',
  sub: 's',
  client_id: 'c',
  sid: 'x',
  jti: 'j',
  iat,
  exp: iat + 1,
  auth_time: iat,
  scope: 'a',
  roles: [],
})

describe('the key ring', () => {
  test('servers that start together on an empty database make one key', async () => {
    const rings = Array.from({ length: 5 }, () => ring())
    await Promise.all(rings.map((one) => one.refresh()))
    expect(await database.signingKey.count()).toBe(1)
    expect(new Set(rings.map((one) => one.signing(Date.now()).kid)).size).toBe(1)
  })

  test('five servers that find the key too old make only one new key', async () => {
    await ring().refresh()
    await database.signingKey.updateMany({ data: { createdAt: new Date(0) } })
    await Promise.all(Array.from({ length: 5 }, () => ring({ rotateAfterMs: 1_000_000 }).refresh()))
    expect(await database.signingKey.count()).toBe(2)
  })

  test('a key is published, then signs, then retires, then goes', async () => {
    const keys = ring()
    await keys.refresh()
    const now = Date.now()
    const first = keys.signing(now)
    await keys.rotate()
    const kids = (at: number) => keys.published(at).map(({ kid }) => kid)
    expect(keys.signing(now).kid).toBe(first.kid)
    expect(kids(now)).toHaveLength(2)

    const second = keys.signing(now + 61_000)
    expect(second.kid).not.toBe(first.kid)
    expect(keys.stateOf(second, now)).toBe('coming')
    expect(keys.published(now + 61_000).map((key) => keys.stateOf(key, now + 61_000))).toEqual(['retiring', 'signing'])
    expect(kids(now + 95_000)).toEqual([second.kid])
    expect(await keys.prune(now)).toBe(0)
    expect(await keys.prune(now + 95_000)).toBe(1)
  })

  test('a shorter lifetime, by another server or after a restart, takes no key away from tokens from before', async () => {
    const withLifetime = async (seconds: number) => {
      const lifetimes = new TokenLifetimes(database, () => seconds)
      await lifetimes.read()
      await lifetimes.use()
      const keys = ring({ retireMs: () => lifetimes.longestSeconds * 1000 })
      await keys.refresh()
      return { keys, lifetimes }
    }
    const before = await withLifetime(3_600)
    const after = await withLifetime(1)
    await after.keys.rotate()
    const [old, next] = after.keys.published(Date.now())
    expect(old?.leavesAt).toBe((next?.signsFrom ?? 0) + 3_600_000)
    expect(await after.keys.prune((next?.signsFrom ?? 0) + 3_599_000)).toBe(0)
    // Once the last of those tokens has ended, the key may go. The first server still issues such tokens.
    await database.$executeRaw`UPDATE access_token_lifetimes SET used_at = used_at - interval '3721 seconds'`
    await after.lifetimes.read()
    expect(after.lifetimes.longestSeconds).toBe(1)
    await before.lifetimes.use()
    await after.lifetimes.read()
    expect(after.lifetimes.longestSeconds).toBe(3_600)
  })

  test('33 requests for the next key make only one, say when the next can be made, and a new service becomes ready', async () => {
    const keys = ring({ algorithm: 'ES256' })
    await keys.refresh()
    const answers = []
    for (let i = 0; i < 33; i++) answers.push(await keys.rotate())
    const [, next] = keys.published(Date.now())
    expect(answers).toEqual([
      null,
      ...Array.from({ length: 32 }, () => ({ reason: 'one_is_coming', kid: next?.kid, until: next?.signsFrom })),
    ])
    await expectReady(keys)
    expect(await database.signingKey.count()).toBe(2)
    await keys.remove(next?.kid ?? '')
    expect(await keys.rotate()).toBeNull()
  })

  test('retiring keys are bounded too, whether rotated by command or by the settings', async () => {
    const keys = ring({ algorithm: 'ES256', leadMs: 0 })
    await keys.refresh()
    for (let i = 1; i < MAX_KEYS; i++) expect(await keys.rotate()).toBeNull()
    const [first] = keys.published(Date.now())
    expect(await keys.rotate()).toEqual({ reason: 'too_many', until: first?.leavesAt })
    await expectReady(keys)
    await ring({ algorithm: 'EdDSA', leadMs: 0 }).refresh()
    expect(await database.signingKey.count()).toBe(MAX_KEYS)
    // What has left the set does not count, pruned or not.
    await database.$executeRaw`UPDATE signing_keys SET signs_from = signs_from - interval '1 hour' WHERE kid <> ${keys.signing(Date.now()).kid}`
    expect(await keys.rotate()).toBeNull()
  })

  test('another algorithm in the settings makes a key that is published first and signs later', async () => {
    await ring().refresh()
    const keys = ring({ algorithm: 'ES256' })
    await keys.refresh()
    await keys.refresh()
    expect(keys.published(Date.now()).map(({ algorithm }) => algorithm)).toEqual(['RS256', 'ES256'])
    expect(keys.signing(Date.now()).algorithm).toBe('RS256')
  })

  test.each(['RS256', 'ES256', 'EdDSA'] as const)(
    '%s: what is signed verifies with the public key that is published',
    async (algorithm) => {
      const keys = ring({ algorithm })
      await keys.refresh()
      const token = await new TokenSigner(keys).sign(claims(Math.floor(Date.now() / 1000)))
      const [head = '', payload = '', signature = ''] = token.split('.')
      const { kid, alg } = JSON.parse(Buffer.from(head, 'base64url').toString())
      const [published] = keys.published(Date.now())
      expect([kid, alg]).toEqual([published?.kid, algorithm])
      const key = createPublicKey({ key: published?.publicJwk ?? {}, format: 'jwk' })
      const digest = algorithm === 'EdDSA' ? null : 'sha256'
      const input = Buffer.from(`${head}.${payload}`)
      expect(verify(digest, input, { key, dsaEncoding: 'ieee-p1363' }, Buffer.from(signature, 'base64url'))).toBe(true)
    },
  )

  test('the private half is not in the database in the clear, and another secret does not open it', async () => {
    const keys = ring()
    await keys.refresh()
    const [row] = await database.signingKey.findMany()
    const der = keys.signing(Date.now()).privateKey.export({ type: 'pkcs8', format: 'der' })
    expect(Buffer.from(row?.privateEncrypted ?? []).includes(der.subarray(30, 60))).toBe(false)
    await expect(ring({}, `${SECRET}!`).refresh()).rejects.toThrow(/^KEY_ENCRYPTION_SECRET/)
  })

  test('the kid is the thumbprint of RFC 7638', async () => {
    const keys = ring()
    await keys.refresh()
    const { kid, publicJwk } = keys.signing(Date.now())
    const canonical = `{"e":"${String(publicJwk['e'])}","kty":"RSA","n":"${String(publicJwk['n'])}"}`
    const digest = await crypto.subtle.digest('SHA-256', Buffer.from(canonical))
    expect(kid).toBe(Buffer.from(digest).toString('base64url'))
  })
})

test('the encrypted bytes of one key do not decrypt as another key, or with a changed bit', async () => {
  const encryption = keyEncryption(SECRET)
  const keys = ring()
  await keys.refresh()
  const { privateKey } = keys.signing(Date.now())
  const wrapped = encryption.wrap('a', privateKey)
  expect(encryption.unwrap('a', wrapped).equals(privateKey)).toBe(true)
  expect(() => encryption.unwrap('b', wrapped)).toThrow(/authenticate/)
  wrapped[wrapped.length - 1] = (wrapped.at(-1) ?? 0) ^ 1
  expect(() => encryption.unwrap('a', wrapped)).toThrow(/authenticate/)
})
