import { expect, test } from 'vitest'
import { startService } from './support/service.ts'

const routes = { routes: (app) => void app.get('/things/:id', async () => ({})) } satisfies Parameters<
  typeof startService
>[0]

test('a wrong method is 405, and Allow names the right ones', async () => {
  const { url } = await startService(routes)
  for (const method of ['POST', 'PUT', 'PATCH', 'DELETE']) {
    const answer = await fetch(`${url}/things/1`, { method })
    expect([answer.status, answer.headers.get('allow')]).toEqual([405, 'GET, HEAD'])
    expect(await answer.json()).toEqual({
      error: 'method_not_allowed',
      error_description: 'This address supports GET, HEAD only.',
    })
  }
})

test('an unknown address is 404, whatever the body is', async () => {
  const { url } = await startService(routes)
  const headers = { 'content-type': 'application/json' }
  for (const body of ['{"x":', '{}']) {
    const answer = await fetch(`${url}/nothing`, { method: 'POST', headers, body })
    expect([answer.status, await answer.json()]).toEqual([
      404,
      { error: 'not_found', error_description: 'There is nothing at this address.' },
    ])
  }
})
