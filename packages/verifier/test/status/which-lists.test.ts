import { describe, expect, it } from 'vitest'
import { createVerifier } from '../../src/index.ts'
import { listAddress } from '../../src/status/list-address.ts'
import { AUDIENCE, serve } from '../issuer.ts'
import { answerToken, listToken, setUp } from './list-server.ts'

const issuer = 'https://auth.example/tenant'

describe('a list may be fetched', () => {
  it.each([
    ['https://auth.example/tenant/status/0', {}, 'https://auth.example/tenant/status/0'],
    ['https://auth.example/elsewhere', {}, 'https://auth.example/elsewhere'],
    ['https://auth.example:443/status/0', {}, 'https://auth.example/status/0'],
    ['https://cdn.example/lists/0', { allow: ['https://cdn.example/lists'] }, 'https://cdn.example/lists/0'],
    ['https://auth.example/tenant/status/0', { baseUrl: 'http://auth-server' }, 'http://auth-server/status/0'],
    ['https://auth.example/other/status/0', { baseUrl: 'http://auth-server' }, 'https://auth.example/other/status/0'],
  ])('%s %j', (uri, rules, url) => {
    expect(listAddress(uri, { issuer, ...rules })).toBe(url)
  })
})

describe('a list must not make the service call', () => {
  it.each([
    ['http://auth.example/status/0', {}],
    ['https://auth.example:8443/status/0', {}],
    ['https://auth.example.evil.example/status/0', {}],
    ['https://auth.example@evil.example/status/0', {}],
    ['https://user:secret@auth.example/status/0', {}],
    ['http://169.254.169.254/latest/meta-data', {}],
    ['https://cdn.example/lists-of-others/0', { allow: ['https://cdn.example/lists'] }],
    ['https://cdn.example/lists/../private', { allow: ['https://cdn.example/lists'] }],
    ['https://cdn.example.evil.example/', { allow: ['https://cdn.example'] }],
  ])('%s %j', (uri, rules) => {
    expect(listAddress(uri, { issuer, ...rules })).toBeUndefined()
  })
})

it('treats tokens of a list that it must not fetch as if the list could not be had, and says so once', async () => {
  let asked = 0
  const other = await serve((_request, response) => response.end(String(asked++)))
  for (const [mode, outcome] of [
    ['open', 'ok'],
    ['closed', 'status_unavailable'],
  ] as const) {
    const { check, events } = await setUp({ mode })
    const elsewhere = { status: { status_list: { idx: 0, uri: `${other}/status/0` } } }
    expect(await check(0, elsewhere)).toBe(outcome)
    expect(await check(1, elsewhere)).toBe(outcome)
    expect(await events.next()).toMatchObject({ type: 'list_refused', uri: `${other}/status/0` })
    expect(await check(0)).toBe('ok')
    expect(await events.next()).toMatchObject({ type: 'list_changed' })
  }
  expect(asked).toBe(0)
})

it('fetches no more lists than allowed, so that tokens cannot fill the memory', async () => {
  const { check, issuer: origin, events, answerWith, verifier } = await setUp({ maxLists: 2 })
  answerWith((request, response) => answerToken(listToken(`${origin}${request.url ?? ''}`, [3]))(request, response))
  const of = (list: number) => ({ status: { status_list: { idx: 3, uri: `${origin}/status/${list}` } } })
  expect(await check(3, of(0))).toBe('token_revoked')
  expect(await check(3, of(1))).toBe('token_revoked')
  expect(await check(3, of(2))).toBe('ok')
  expect(verifier.stats().status).toMatchObject({ lists: 2, bytes: 256, unchecked: 1 })
  await events.next()
  await events.next()
  expect(await events.next()).toMatchObject({ type: 'list_refused', reason: 'tokens name more than 2 lists' })
})

it('drops a list that no token names for an hour, and fetches it again when one does', async () => {
  const { token, verify, events, time, verifier, requests, answerWith, listOf } = await setUp()
  answerWith(listOf([], { claims: { exp: undefined, ttl: 300 } }))
  const kept = token(3)
  for (let times = 0; times < 3; times++) expect(await verify(kept)).toBe('ok')
  await events.next()
  for (let minutes = 5; minutes <= 60; minutes += 5) {
    time.advance(300_000)
    expect(await events.next()).toMatchObject({ type: 'list_changed' })
  }
  expect(await events.next()).toMatchObject({ type: 'list_dropped' })
  expect(requests).toHaveLength(13)
  expect(time.pendingMs).toEqual([])
  expect(verifier.stats().status).toMatchObject({ lists: 0, bytes: 0 })
  expect(await verify(kept)).toBe('ok')
  expect(verifier.stats().status).toMatchObject({ lists: 1, unchecked: 0 })
})

it('stops with the verifier', async () => {
  const { check, events, time, verifier } = await setUp()
  expect(await check(3)).toBe('ok')
  await events.next()
  verifier.close()
  expect(time.pendingMs).toEqual([])
  expect(await check(3)).toBe('ok')
})

it.each([
  { mode: 'on' },
  { maxStaleSeconds: 0 },
  { maxStaleSeconds: Number.NaN },
  { waitSeconds: 1.5 },
  { waitSeconds: -1 },
  { waitSeconds: 60, maxStaleSeconds: 60 },
  { maxLists: 0 },
  { baseUrl: 'auth-server' },
  { allow: ['cdn.example'] },
])('refuses the options %j', (status) => {
  const options = { issuer, audience: AUDIENCE, status } as unknown as Parameters<typeof createVerifier>[0]
  expect(() => createVerifier(options)).toThrow(/status\./)
})
