import { generateKeyPairSync, randomBytes, sign } from 'node:crypto'
import { codeOf, isUnanswered } from './auth-fetch.ts'
import type { Request } from './servers.ts'
import type { Outcome } from './tally.ts'
import type { EngineContext } from './engine-context.ts'

const encode = (part: object) => Buffer.from(JSON.stringify(part)).toString('base64url')

/** An attacker without a session, who knows what is public. */
export class Attacker {
  readonly #context: EngineContext
  readonly #key = generateKeyPairSync('rsa', { modulusLength: 2048 }).privateKey
  readonly #issuer: string
  readonly #kid: string

  private constructor(context: EngineContext, issuer: string, kid: string) {
    this.#context = context
    this.#issuer = issuer
    this.#kid = kid
  }

  static async prepare(context: EngineContext): Promise<Attacker> {
    const read = async (name: string) => {
      const { body } = await context.auth.send({ method: 'GET', path: `/.well-known/${name}`, headers: {} })
      return JSON.parse(body) as unknown
    }
    const { issuer } = (await read('oauth-authorization-server')) as { issuer: string }
    const { keys } = (await read('jwks.json')) as { keys: { kid: string }[] }
    return new Attacker(context, issuer, keys[0]?.kid ?? '')
  }

  /** Makes one attack, which must be refused. */
  async act(): Promise<void> {
    const { tally, api, auth } = this.#context
    const chance = Math.random()
    const isCall = chance < 0.8
    const request = isCall ? this.#call() : chance < 0.98 ? forgedRefresh() : wrongPassword()
    const began = performance.now()
    const answer = await (isCall ? api : auth).send(request)
    const ms = performance.now() - began
    const { status, server } = answer
    const outcome = this.#outcomeOf(status)
    tally.add({ operation: 'attack', outcome, status, server, serviceMs: ms, responseMs: ms })
    if (outcome === 'ok' || outcome === 'deferred') return
    const at = Date.now()
    const sent = [{ at: at - ms, tab: 1, what: request.path, answer: { status, server, ms, code: codeOf(answer) } }]
    tally.anomaly({ at, operation: 'attack', outcome, client: 0, sid: '', sent })
  }

  /** Unless servers are being restarted, a server that fails under an attack counts as broken by it. */
  #outcomeOf(status: number): Outcome {
    if (status >= 200 && status < 300) return 'breach'
    if (isUnanswered(status) && (status === 503 || this.#context.profile.event !== null)) return 'deferred'
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
      // A signature costs the attacker more than the service: most attackers send random bytes.
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
