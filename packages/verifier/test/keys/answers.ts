import type { IncomingMessage, ServerResponse } from 'node:http'
import { makeKey } from '../issuer.ts'

export const one = makeKey('one')
export const two = makeKey('two')

export type Answer = (request: IncomingMessage, response: ServerResponse) => void
export const json =
  (body: unknown, headers: Record<string, string> = {}): Answer =>
  (_request, response) =>
    response.writeHead(200, { 'content-type': 'application/json', ...headers }).end(JSON.stringify(body))
export const status =
  (code: number, headers: Record<string, string> = {}, body = ''): Answer =>
  (_request, response) =>
    response.writeHead(code, headers).end(body)
export const keysOf = (...keys: { jwk: object }[]) => json({ keys: keys.map(({ jwk }) => jwk) })
