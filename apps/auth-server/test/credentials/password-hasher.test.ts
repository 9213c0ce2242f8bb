import { afterAll, expect, test } from 'vitest'
import { HasherBusy, PasswordHasher } from '../../src/credentials/password-hasher.ts'

const hashers: PasswordHasher[] = []
afterAll(() => Promise.all(hashers.map((hasher) => hasher.close())))
const hasherOf = (atOnce: number) => {
  const hasher = new PasswordHasher(atOnce)
  hashers.push(hasher)
  return hasher
}

test('makes argon2id hashes with OWASP’s parameters, and verifies them', async () => {
  const hasher = hasherOf(2)
  const hashed = await hasher.hash('a long and quiet walk')
  expect(hashed).toMatch(/^\$argon2id\$v=19\$m=19456,t=2,p=1\$/)
  expect(await hasher.verify(hashed, 'a long and quiet walk')).toBe(true)
  expect(await hasher.verify(hashed, 'a long and quiet talk')).toBe(false)
})

test('a user who does not exist has no password', async () => {
  const hasher = hasherOf(1)
  expect(await hasher.verify(null, 'no password hashes to this')).toBe(false)
})

test('refuses what would have to wait too long', async () => {
  const hasher = hasherOf(1)
  const results = await Promise.allSettled(Array.from({ length: 80 }, () => hasher.hash('x')))
  const refused = results.filter((result) => result.status === 'rejected')
  expect(refused).toHaveLength(15)
  expect(refused.every(({ reason }) => reason instanceof HasherBusy)).toBe(true)
})

test('a client that hangs up gives its place to the next one, and no hash is computed for it', async () => {
  const hasher = hasherOf(1)
  const running = hasher.hash('x')
  const gone = new AbortController()
  const waiting = Array.from({ length: 64 }, () => hasher.hash('x', gone.signal))
  gone.abort()
  const results = await Promise.allSettled(waiting)
  expect(results.every(({ status }) => status === 'rejected')).toBe(true)
  expect(await running).toMatch(/^\$argon2id/)
  expect(hasher.waiting).toBe(0)
})
