/**
 * What the exchange of a code costs, compared with a login without its hash and one refresh; and what a refresh costs at
 * `/oauth2/token`, compared with `/auth/refresh`.
 *
 * Method: one server process does all of it, with passwords that it compares as they are (peers/auth-server-without-hash.ts).
 * In each round, every operation has a turn, in an order that is reversed from round to round. The cost is the CPU time of the
 * server process by the scheduler. Codes are made before the turn, by the authorization endpoint. Ratios are made inside a
 * round, and the median of the rounds counts, with a 95 % interval from the ranks of the sorted sample.
 */
import { createHash, randomBytes } from 'node:crypto'
import { setTimeout as sleep } from 'node:timers/promises'
import { fileURLToPath } from 'node:url'
import { schedulerTimeUs } from '@heirloom/harness/processes'
import { Pool } from 'undici'
import { inTurns } from './in-turns.ts'
import { signatureCpuUs, startAuthServer, startStores } from './servers.ts'
import { USER } from './sessions.ts'
import { median, medianInterval } from './statistics.ts'

export interface ExchangeOptions {
  rounds: number
  /** Of each operation, per round. */
  requests: number
}

/** With few sessions each, so that none is slow because of its user. */
const USERS = 50
const WARM_UP = 3_000
const [TRIES, PAUSE_MS] = [10, 500]
const FORM = 'application/x-www-form-urlencoded'
const CLIENT = { client_id: 'app' }
const REDIRECT_URI = 'https://app.example/callback'

const OPERATIONS = ['exchange', 'login without hash', '/oauth2/token', '/auth/refresh'] as const
type Operation = (typeof OPERATIONS)[number]

export async function benchExchange({ rounds, requests }: ExchangeOptions): Promise<void> {
  const path = (relative: string) => fileURLToPath(new URL(relative, import.meta.url))
  const stores = await startStores()
  const settings = { REALM_FILE: path('./exchange.realm.yaml') }
  const server = await startAuthServer(stores, settings, path('./peers/auth-server-without-hash.ts'))
  const pool = new Pool(server.url, { connections: 32 })
  const costs = new Map(OPERATIONS.map((name): [Operation, number[]] => [name, []]))
  const signatures: number[] = []
  try {
    const turns = await prepare(pool)
    // In turns, as a code lives for a minute.
    for (const operation of OPERATIONS)
      for (let done = 0; done < WARM_UP; done += requests) await (await turns[operation](requests))()
    for (let round = 1; round <= rounds; round++) {
      signatures.push(await signatureCpuUs())
      for (const operation of round % 2 ? OPERATIONS : OPERATIONS.toReversed()) {
        const run = await turns[operation](requests)
        const before = schedulerTimeUs(server.pid)
        await run()
        costs.get(operation)?.push((schedulerTimeUs(server.pid) - before) / requests)
      }
      const shown = OPERATIONS.map((name) => `${name} ${costs.get(name)?.at(-1)?.toFixed(0)} µs`)
      console.log(`Round ${round} of ${rounds}: ${shown.join(', ')}`)
    }
  } finally {
    await pool.destroy()
    await server.stop()
    await stores.stop()
  }
  report((name) => costs.get(name) ?? [], median(signatures))
}

function report(of: (name: Operation) => number[], signatureUs: number): void {
  console.log(`\nOne RSA-2048 signature: ${signatureUs.toFixed(0)} µs of CPU. Medians of the rounds:\n`)
  const row = (name: Operation) => {
    const us = median(of(name))
    return [name, { 'CPU µs': Math.round(us), 'in signatures': (us / signatureUs).toFixed(2) }]
  }
  console.table(Object.fromEntries(OPERATIONS.map(row)))
  const ratio = (a: number[], b: number[]) => {
    const ratios = a.map((one, i) => one / (b[i] ?? Number.NaN))
    const [low, high] = medianInterval(ratios)
    return `${median(ratios).toFixed(3)} (95 %: ${low.toFixed(3)} to ${high.toFixed(3)})`
  }
  const both = of('login without hash').map((login, i) => login + (of('/oauth2/token')[i] ?? Number.NaN))
  console.log(`An exchange, of a login without its hash and one refresh: ${ratio(of('exchange'), both)}`)
  console.log(`A refresh at /oauth2/token, of one at /auth/refresh: ${ratio(of('/oauth2/token'), of('/auth/refresh'))}`)
}

/** For each operation, what makes a turn of so many. Only running it is measured. */
async function prepare(pool: Pool): Promise<Record<Operation, (count: number) => Promise<() => Promise<void>>>> {
  const users = Array.from({ length: USERS }, (_, i) => ({ ...USER, username: `bench-${i}` }))
  const cookies: string[] = []
  for (const user of users) {
    await json(pool, '/auth/register', user)
    cookies.push(await logInAtPages(pool, user))
  }
  const tokens: string[] = []
  await inTurns(USERS, 1, async (n) => void (tokens[n] = await json(pool, '/auth/login', users[n] ?? {})))
  const repeat = async (count: number, run: (user: number) => Promise<void>) => {
    for (let left = count; left > 0; left -= USERS) await inTurns(Math.min(left, USERS), 1, run)
  }
  return {
    async exchange(count) {
      const codes: { code: string; verifier: string }[] = []
      await repeat(count, async (n) => void codes.push(await newCode(pool, cookies[n] ?? '')))
      return () =>
        inTurns(codes.length, 1, async (n) => {
          const { code = '', verifier = '' } = codes[n] ?? {}
          const form = { grant_type: 'authorization_code', code, code_verifier: verifier, ...CLIENT }
          await posted(pool, '/oauth2/token', form)
        })
    },
    'login without hash': async (count) => () =>
      repeat(count, async (n) => void (await json(pool, '/auth/login', users[n] ?? {}))),
    '/oauth2/token': async (count) => () =>
      repeat(count, async (n) => {
        const form = { grant_type: 'refresh_token', refresh_token: tokens[n] ?? '', ...CLIENT }
        tokens[n] = await posted(pool, '/oauth2/token', form)
      }),
    '/auth/refresh': async (count) => () =>
      repeat(count, async (n) => {
        tokens[n] = await json(pool, '/auth/refresh', { refresh_token: tokens[n], ...CLIENT })
      }),
  }
}

const send = (pool: Pool, path: string, type: string, body: string, headers: Record<string, string> = {}) =>
  pool.request({ method: 'POST', path, body, headers: { 'content-type': type, ...headers } })

/** Answers the refresh token, if there is one. On a busy machine, a server may say that it has to be asked again. */
async function ask(pool: Pool, path: string, type: string, body: string): Promise<string> {
  for (let tries = 1; ; tries++) {
    const answer = await send(pool, path, type, body)
    const { refresh_token: token = '', error } = (await answer.body.json()) as {
      refresh_token?: string
      error?: string
    }
    if (answer.statusCode < 300) return token
    if (answer.statusCode !== 503 || tries === TRIES) throw new Error(`${path} answered ${answer.statusCode} ${error}`)
    await sleep(PAUSE_MS)
  }
}
const json = (pool: Pool, path: string, body: object) => ask(pool, path, 'application/json', JSON.stringify(body))
const posted = (pool: Pool, path: string, form: Record<string, string>) =>
  ask(pool, path, FORM, new URLSearchParams(form).toString())

function newRequest(): { path: string; verifier: string } {
  const verifier = randomBytes(32).toString('base64url')
  const request = new URLSearchParams({
    ...CLIENT,
    response_type: 'code',
    redirect_uri: REDIRECT_URI,
    code_challenge: createHash('sha256').update(verifier).digest('base64url'),
    code_challenge_method: 'S256',
  })
  return { path: `/oauth2/authorize?${request.toString()}`, verifier }
}

/** Answers the cookie of a browser that is logged in. */
async function logInAtPages(pool: Pool, user: typeof USER): Promise<string> {
  const { path } = newRequest()
  const page = await (await pool.request({ method: 'GET', path })).body.text()
  const [, form_token = ''] = /name="form_token" value="([^"]*)"/.exec(page) ?? []
  const body = new URLSearchParams({ form_token, ...user }).toString()
  const { headers, body: rest } = await send(pool, path, FORM, body, { 'sec-fetch-site': 'same-origin' })
  await rest.dump()
  return [headers['set-cookie'] ?? ''].flat().join().split(';')[0] ?? ''
}

async function newCode(pool: Pool, cookie: string): Promise<{ code: string; verifier: string }> {
  for (let tries = 1; ; tries++) {
    const { path, verifier } = newRequest()
    const { headers, body, statusCode } = await pool.request({ method: 'GET', path, headers: { cookie } })
    await body.dump()
    const code = URL.parse(String(headers['location']))?.searchParams.get('code')
    if (typeof code === 'string') return { code, verifier }
    if (statusCode !== 503 || tries === TRIES) throw new Error(`the authorization endpoint answered ${statusCode}`)
    await sleep(PAUSE_MS)
  }
}
