import { expect, it } from 'vitest'
import { memoryStore } from '../src/index.ts'
import { CREDENTIALS, LIFETIME_MS, ME, loggedIn, refusal, successor, turn } from './virtual-world.ts'

const HOUR_MS = 3_600_000

/** A service with its own clock, which refuses expired tokens. */
function withService({ world }: Awaited<ReturnType<typeof loggedIn>>) {
  const issuedAt = new Map<string, number>([['Bearer access-session-1-1', world.runtime.monotonic()]])
  world.answer = async (request) => {
    const now = world.runtime.monotonic()
    if (request.path === '/auth/refresh') {
      const answer = successor(request)
      const { access_token } = (await answer.clone().json()) as { access_token: string }
      if (!issuedAt.has(`Bearer ${access_token}`)) issuedAt.set(`Bearer ${access_token}`, now)
      return answer
    }
    const age = now - (issuedAt.get(request.authorization ?? '') ?? -Infinity)
    return age < LIFETIME_MS ? successor(request) : refusal(401, 'invalid_token')
  }
}

it.each([-HOUR_MS, -LIFETIME_MS - 1, -LIFETIME_MS / 2, -60_000, 60_000, HOUR_MS, 1000 * HOUR_MS])(
  'a clock that is set by %i ms: every request is answered, and the token is refreshed once in its life',
  async (byMs) => {
    const setting = await loggedIn()
    withService(setting)
    const { world, client, open } = setting
    world.setClock(byMs)
    const reloaded = open()
    for (let minute = 0; minute < 60; minute++) {
      expect((await client.fetch(ME)).status).toBe(200)
      expect((await reloaded.fetch(ME)).status).toBe(200)
      for (let i = 0; i < 9; i++) await turn()
      world.advance(60_000)
    }
    // 60 minutes need 4 or 5 tokens, and the moved clock costs one more.
    expect(new Set(world.redeemed).size).toBeLessThanOrEqual(6)
  },
)

it('a token expires by the time that passed, and not by a clock that was set back', async () => {
  const { world, client } = await loggedIn()
  world.advance(LIFETIME_MS)
  world.setClock(-LIFETIME_MS)
  expect(await client.accessToken()).toBe('access-session-1-2')
})

it.each([-HOUR_MS, HOUR_MS])('a device whose clock is always wrong by %i ms sends no expired token', async (byMs) => {
  const setting = await loggedIn()
  withService(setting)
  const { world } = setting
  const { answer } = world
  let refused = 0
  world.answer = async (request) => {
    const answered = await (request.path === '/auth/login' ? successor(request) : answer(request))
    if (answered.status === 401) refused++
    return answered
  }
  world.setClock(byMs)
  const client = setting.open({ store: memoryStore() })
  await client.login(CREDENTIALS)
  for (let minute = 0; minute < 60; minute++) {
    expect((await client.fetch(ME)).status).toBe(200)
    for (let i = 0; i < 9; i++) await turn()
    world.advance(60_000)
  }
  expect(refused).toBe(0)
  expect(world.redeemed.length).toBeLessThanOrEqual(4)
})

it('a token that expired while a laptop slept is replaced once, though the clock of the page stood still', async () => {
  const { world, client } = await loggedIn()
  world.setClock(LIFETIME_MS)
  for (let i = 0; i < 9; i++) {
    expect(await client.accessToken()).toBe('access-session-1-2')
    await turn()
  }
  expect(world.redeemed).toHaveLength(1)
})

it('a token whose answer was slow is as old as its request, even if the clock is set back', async () => {
  const { world, client } = await loggedIn()
  world.advance(LIFETIME_MS)
  world.answer = (request) => {
    world.advance(20_000)
    return successor(request)
  }
  expect(await client.accessToken()).toBe('access-session-1-2')
  world.answer = successor
  world.setClock(-HOUR_MS)
  world.advance(LIFETIME_MS - 20_000)
  expect(await client.accessToken()).toBe('access-session-1-3')
})

it('a wait ends by the time that passed, and not by a clock that was set back', async () => {
  const { world, client } = await loggedIn()
  world.advance(LIFETIME_MS)
  world.answer = () => refusal(503, 'temporarily_unavailable', { 'retry-after': '60' })
  await expect(client.accessToken()).rejects.toMatchObject({ code: 'unavailable', retryAfterMs: 60_000 })
  world.setClock(-HOUR_MS)
  world.advance(60_000)
  world.answer = successor
  expect(await client.accessToken()).toBe('access-session-1-2')
  expect(world.slept).toEqual([])
})

it("a date to come back at is read by the server's clock", async () => {
  const { world, client } = await loggedIn()
  world.advance(LIFETIME_MS)
  const at = (ms: number) => new Date(world.runtime.now() + HOUR_MS + ms).toUTCString()
  world.answer = () => refusal(503, 'temporarily_unavailable', { date: at(0), 'retry-after': at(90_000) })
  await expect(client.accessToken()).rejects.toMatchObject({ code: 'unavailable', retryAfterMs: 90_000 })
})
