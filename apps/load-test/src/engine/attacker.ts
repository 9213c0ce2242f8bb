import { generateKeyPairSync, randomBytes, sign } from 'node:crypto'
import { codeOf, isNobodys } from './auth-fetch.ts'
import type { Request } from './servers.ts'
import type { Outcome } from './tally.ts'
import type { EngineContext } from './engine-context.ts'

const encode = (part: object) => Buffer.from(JSON.stringify(part)).toString('base64url')

/** A stranger, who has no session and the public documents. */
export class Attacker {
  readonly #world: EngineContext
  readonly #key = generateKeyPairSync('rsa', { modulusLength: 2048 }).privateKey
  readonly #issuer: string
  readonly #kid: string

  private constructor(world: EngineContext, issuer: string, kid: string) {
    this.#world = world
    this.#issuer = issuer
    this.#kid = kid
  }

  static async prepare(world: EngineContext): Promise<Attacker> {
    const read = async (name: string) => {
      const { body } = await world.auth.send({ method: 'GET', path: `/.well-known/${name}`, headers: {} })
      return JSON.parse(body) as unknown
    }
    const { issuer } = (await read('oauth-authorization-server')) as { issuer: string }
    const { keys } = (await read('jwks.json')) as { keys: { kid: string }[] }
    return new Attacker(world, issuer, keys[0]?.kid ?? '')
  }

  /** Tries something. It has to be refused. */
  async act(): Promise<void> {
    const { tally, api, auth } = this.#world
    const chance = Math.random()
    const isCall = chance < 0.8
    const request = isCall ? this.#call() : chance < 0.98 ? forgedRefresh() : wrongPassword()
    const began = performance.now()
    const answer = await (isCall ? api : auth).send(request)
    const ms = performance.now() - began
    const { status, server } = answer
    const outcome = this.#outcomeOf(status)
    tally.add({ operation: 'attack', outcome, status, server, serviceMs: ms, responseMs: ms })
    if (outcome === 'ok' || outcome === 'later') return
    const at = Date.now()
    const sent = [{ at: at - ms, tab: 1, what: request.path, answer: { status, server, ms, code: codeOf(answer) } }]
    tally.anomaly({ at, operation: 'attack', outcome, client: 0, sid: '', sent })
  }

  /** Where nobody restarts servers, one that breaks under an attack was broken by it. */
  #outcomeOf(status: number): Outcome {
    if (status >= 200 && status < 300) return 'breach'
    if (isNobodys(status) && (status === 503 || this.#world.profile.event !== null)) return 'later'
    return status === 0 || status >= 500 ? 'failed' : 'ok'
  }

  #call(): Request {
    const now = Math.floor(Date.now() / 1000)
    const who = { iss: this.#issuer, aud: 'resource-api', sub: 'admin', client_id: 'web', sid: 'x', jti: 'x' }
    const payload = { ...who, iat: now, exp: now + 900, auth_time: now, scope: 'reports:read', roles: ['admin'] }
    const kids = [this.#kid, randomBytes(32).toString('base64url')]
    const header = { alg: 'RS256', typ: 'at+jwt', kid: kids[Math.floor(Math.random() * 2)] }
    const token = [
      () => this.#signed(header, payload),
      () => `${encode({ ...header, alg: 'none' })}.${encode(payload)}.`,
      // One signature costs an attacker more than it costs to refuse it; most do not bother.
      () => `${encode(header)}.${encode(payload)}.${randomBytes(256).toString('base64url')}`,
      () => randomBytes(600).toString('base64url'),
    ][Math.floor(Math.random() * 4)]?.()
    return { method: 'GET', path: '/api/me', headers: { authorization: `Bearer ${token}` } }
  }

  #signed(header: object, payload: object): string {
    const input = `${encode(header)}.${encode(payload)}`
    return `${input}.${sign('sha256', Buffer.from(input), this.#key).toString('base64url')}`
  }
}

const post = (path: string, body: object): Request => ({
  method: 'POST',
  path,
  headers: { 'content-type': 'application/json' },
  body: JSON.stringify(body),
})

const forgedRefresh = () => post('/auth/refresh', { refresh_token: `hrt_${randomBytes(54).toString('base64url')}` })

const wrongPassword = () =>
  post('/auth/login', {
    username: `nobody-${Math.floor(Math.random() * 1e6)}`,
    password: randomBytes(12).toString('hex'),
  })
