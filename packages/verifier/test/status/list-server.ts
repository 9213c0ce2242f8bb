import type { IncomingMessage } from 'node:http'
import { deflateSync } from 'node:zlib'
import { onTestFinished } from 'vitest'
import { type StatusEvent, type StatusOptions, createVerifier, localKeySet } from '../../src/index.ts'
import { AUDIENCE, NOW_SECONDS, claimsOf, makeKey, serve, signToken } from '../issuer.ts'
import { type Answer, status } from '../keys/answers.ts'
import { eventQueue, virtualRuntime } from '../virtual-runtime.ts'

const key = makeKey('key-1')
export const stranger = makeKey('key-1')

/** A packed list of so many bytes, with bits set. */
export function packed(bytes: number, ...indexes: number[]): Uint8Array {
  const list = new Uint8Array(bytes)
  for (const index of indexes) list[index >>> 3] = (list[index >>> 3] ?? 0) | (1 << (index & 7))
  return list
}

export const lstOf = (list: Uint8Array) => deflateSync(list).toString('base64url')

export interface ListParts {
  readonly claims?: Record<string, unknown>
  readonly header?: object | string
  readonly list?: object
  readonly signer?: typeof key
}

/** The claims of a list of 1,024 entries: good ones, but for the changes. */
export const listClaims = (uri: string, set: number[], { claims = {}, list = {} }: ListParts = {}) => ({
  sub: uri,
  iat: NOW_SECONDS,
  exp: NOW_SECONDS + 600,
  ttl: 5,
  status_list: { bits: 1, lst: lstOf(packed(128, ...set)), ...list },
  ...claims,
})

export function listToken(uri: string, set: number[], parts: ListParts = {}): string {
  const { header = {}, signer = key } = parts
  return signToken(
    signer,
    listClaims(uri, set, parts),
    typeof header === 'string' ? header : { typ: 'statuslist+jwt', ...header },
  )
}

export const answerToken =
  (token: string, headers: Record<string, string> = {}): Answer =>
  (_request, response) =>
    response.writeHead(200, { 'content-type': 'application/statuslist+jwt', ...headers }).end(token)

/**
 * A verifier with a status list at a real server on this machine, and with virtual time. The list has the bits of `set`,
 * until the test gives another answer.
 */
export async function setUp(options: StatusOptions = {}, set: number[] = [], random = () => 0) {
  let answer: Answer = status(500)
  const requests: IncomingMessage[] = []
  const issuer = await serve((request, response) => {
    requests.push(request)
    answer(request, response)
  })
  const uri = `${issuer}/status/0`
  const listOf = (bits: number[], parts?: ListParts, headers?: Record<string, string>) =>
    answerToken(listToken(uri, bits, parts), headers)
  answer = listOf(set)
  const time = virtualRuntime()
  const events = eventQueue<StatusEvent>()
  const keys = localKeySet([key.jwk])
  const verifier = createVerifier({
    issuer,
    audience: AUDIENCE,
    keys,
    runtime: { ...time.runtime, random },
    status: { mode: 'open', onEvent: events.onEvent, ...options },
  })
  onTestFinished(() => verifier.close())
  const token = (idx: number, changes: Record<string, unknown> = {}) =>
    signToken(
      key,
      claimsOf({ iss: issuer, exp: NOW_SECONDS + 86_400, status: { status_list: { idx, uri } }, ...changes }),
    )
  /** `ok`, or the code of the refusal. */
  const verify = async (what: string) => {
    const verdict = await verifier.verify(what)
    return verdict.ok ? 'ok' : verdict.code
  }
  const check = (idx: number, changes?: Record<string, unknown>) => verify(token(idx, changes))
  return {
    issuer,
    uri,
    time,
    events,
    verifier,
    requests,
    token,
    verify,
    check,
    listOf,
    answerWith: (next: Answer) => (answer = next),
  }
}
