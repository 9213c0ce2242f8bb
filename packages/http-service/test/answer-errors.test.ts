import { Type } from 'typebox'
import { describe, expect, test } from 'vitest'
import { type AppOptions, errorBody } from '../src/index.ts'
import { startService } from './support/service.ts'

class Known extends Error {}
const SECRET = 'what-nobody-may-read'

const Body = Type.Object({ name: Type.String(), code: Type.Optional(Type.String({ pattern: '^\\d"$' })) })

const options: Partial<AppOptions> = {
  answerError: (error) =>
    error instanceof Known
      ? { status: 503, error: 'temporarily_unavailable', description: 'Later.', headers: { 'retry-after': '7' } }
      : undefined,
  routes(app) {
    app.get('/known', async () => {
      throw new Known(SECRET)
    })
    app.get('/unknown', async () => {
      throw new Error(SECRET)
    })
    app.post('/things', { schema: { body: Body } }, async () => ({}))
  },
}

test('an error that the service throws on purpose becomes its answer', async () => {
  const { url } = await startService(options)
  const answer = await fetch(`${url}/known`)
  expect([answer.status, answer.headers.get('retry-after'), await answer.json()]).toEqual([
    503,
    '7',
    { error: 'temporarily_unavailable', error_description: 'Later.' },
  ])
})

test('any other error is a 500 that says nothing about it', async () => {
  const { url } = await startService(options)
  const answer = await fetch(`${url}/unknown`)
  const body = await answer.text()
  expect([answer.status, JSON.parse(body).error]).toEqual([500, 'server_error'])
  expect(body).not.toContain(SECRET)
})

describe('what a developer reads about a bad body', () => {
  const JSON_TYPE = 'application/json'
  test.each([
    ['{"name":"x","code":"y"}', JSON_TYPE, 400, 'body.code has a form that is not allowed.'],
    ['{"name":7}', JSON_TYPE, 400, 'body.name must be string.'],
    ['{}', JSON_TYPE, 400, "body must have required property 'name'."],
    ['{"name":', JSON_TYPE, 400, 'The body is not valid JSON.'],
    ['{"name":"\\ud800"}', JSON_TYPE, 400, 'The body is not valid UTF-8, or it contains half of a surrogate pair.'],
    ['name=x', 'text/plain', 415, 'Send JSON, with Content-Type: application/json.'],
    [JSON.stringify({ name: 'x'.repeat(20_000) }), JSON_TYPE, 413, 'The body is larger than 16384 bytes.'],
  ])('%j as %s: %i', async (body, type, status, description) => {
    const { url } = await startService(options)
    const answer = await fetch(`${url}/things`, { method: 'POST', headers: { 'content-type': type }, body })
    expect([answer.status, await answer.json()]).toEqual([
      status,
      { error: 'invalid_request', error_description: description },
    ])
  })
})

test('a description has only characters that RFC 6749, section 5.2, allows', async () => {
  expect(errorBody('x', 'Not "a\\b", caf\u00e9\n\u{1f600}.')).toEqual({
    error: 'x',
    error_description: "Not 'a?b', caf???.",
  })
})
