import { expect, test } from 'vitest'
import { startService } from './support/service.ts'

test('a service that is not ready is alive, and says why it is not ready', async () => {
  let reasons: string[] = ['the store does not answer', 'there are no keys']
  const { url } = await startService({ notReady: () => reasons })
  expect((await fetch(`${url}/livez`)).status).toBe(200)
  const answer = await fetch(`${url}/readyz`)
  expect([answer.status, answer.headers.get('retry-after'), await answer.json()]).toEqual([
    503,
    '1',
    { error: 'not_ready', error_description: 'the store does not answer; there are no keys' },
  ])
  reasons = []
  expect(await (await fetch(`${url}/readyz`)).json()).toEqual({ status: 'ok' })
})
