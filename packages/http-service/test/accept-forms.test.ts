import { Type } from 'typebox'
import { describe, expect, test } from 'vitest'
import { acceptForms, type AppOptions } from '../src/index.ts'
import { startService } from './support/service.ts'

const FORM = 'application/x-www-form-urlencoded'

const options: Partial<AppOptions> = {
  routes(app) {
    void app.register(async (scope) => {
      acceptForms(scope, { repeatable: ['resource'] })
      scope.post(
        '/form',
        { schema: { body: Type.Object({ a: Type.Optional(Type.String()) }) } },
        async ({ body }) => body,
      )
    })
    app.post('/json', async ({ body }) => body)
  },
}

async function post(body: string | Buffer, type: string | null = FORM, path = '/form') {
  const { url } = await startService(options)
  const headers = type === null ? {} : { 'content-type': type }
  // A Buffer, because `fetch` gives a string a Content-Type of its own.
  const answer = await fetch(url + path, { method: 'POST', headers, body: Buffer.from(body) })
  return [answer.status, await answer.json()]
}

describe('a form is read as RFC 6749 wants it', () => {
  test.each<[string, object]>([
    ['a=b', { a: 'b' }],
    ['a=b+c%2Bd%20e', { a: 'b c+d e' }],
    ['a=%C3%A9&b=é', { a: 'é', b: 'é' }],
    ['a=b=c', { a: 'b=c' }],
    ['&&a=b&', { a: 'b' }],
    ['', {}],
    // Section 3.2: without a value, as if it had not been sent. Unknown ones are ignored by the routes.
    ['a=&b&c=d', { c: 'd' }],
    // RFC 8707, section 2.
    ['resource=x&resource=&resource=y', { resource: ['x', 'y'] }],
    ['resource=', {}],
    ['__proto__=x&constructor=y', { constructor: 'y', ['__proto__']: 'x' }],
  ])('%j', async (body, form) => {
    expect(await post(body)).toEqual([200, form])
  })

  test.each([`${FORM};charset=UTF-8`, `${FORM.toUpperCase()} ; charset=utf-8`])('as %s', async (type) => {
    expect(await post('a=b', type)).toEqual([200, { a: 'b' }])
  })
})

describe('a developer whose form is wrong gets a 400 that says so', () => {
  const NOT_A_FORM = 'Send the parameters as a form, with Content-Type: application/x-www-form-urlencoded.'
  const NOT_TEXT = 'The body is not a form in UTF-8.'
  test.each<[string | Buffer, string | null, string, string]>([
    ['{"a":"b"}', 'application/json', '/form', NOT_A_FORM],
    ['a=b', 'text/plain', '/form', NOT_A_FORM],
    ['a=b', `${FORM}x`, '/form', NOT_A_FORM],
    ['a=b', 'no type at all', '/form', NOT_A_FORM],
    ['a=b', null, '/form', NOT_A_FORM],
    ['', null, '/form', NOT_A_FORM],
    ['a=b&a=b', FORM, '/form', 'A parameter is sent more than once.'],
    ['a=&a=b', FORM, '/form', 'A parameter is sent more than once.'],
    ['x=1&x=2', FORM, '/form', 'A parameter is sent more than once.'],
    [Buffer.from('a=é', 'latin1'), FORM, '/form', NOT_TEXT],
    ['a=%E9', FORM, '/form', NOT_TEXT],
    ['a=%ED%A0%80', FORM, '/form', NOT_TEXT],
    ['a=%', FORM, '/form', NOT_TEXT],
    ['a=%zz', FORM, '/form', NOT_TEXT],
    ['a=b', FORM, '/form?refresh_token=c', 'Send the parameters in the body, and none in the address.'],
  ])('%s as %s to %s', async (body, type, path, description) => {
    expect(await post(body, type, path)).toEqual([400, { error: 'invalid_request', error_description: description }])
  })

  test('a form that is too large is refused like any body', async () => {
    expect(await post(`a=${'b'.repeat(20_000)}`)).toEqual([413, expect.objectContaining({ error: 'invalid_request' })])
  })
})

test('other routes take JSON as before, and no form', async () => {
  expect(await post('{"a":"b"}', 'application/json', '/json')).toEqual([200, { a: 'b' }])
  expect((await post('a=b', FORM, '/json'))[0]).toBe(415)
})
