import { describe, expect, test } from 'vitest'
import { startService } from './support/service.ts'

const get = (headers = '') => `GET /livez HTTP/1.1\r\nHost: a\r\n${headers}\r\n`
const statuses = (answers: string) => answers.match(/(?<=HTTP\/1.1 )\d+/g) ?? []

describe('requests that do not wait for their answers', () => {
  test('are answered, up to 32 on a connection', async () => {
    const { send } = await startService({})
    expect(statuses(await send(get().repeat(31) + get('Connection: close\r\n')))).toEqual(Array(32).fill('200'))
  })

  test.each(['', 'Expect: x\r\n'])('end the connection if there are more, with headers %j', async (headers) => {
    const { send, url } = await startService({})
    expect(statuses(await send(get(headers).repeat(1_000))).length).toBeLessThan(32)
    expect((await fetch(`${url}/livez`)).status).toBe(200)
  })
})

describe('one request gets one answer', () => {
  test('if its rest is wrong after it was answered', async () => {
    const { send } = await startService({})
    const chunk = `2;${'x'.repeat(20_000)}\r\n{}\r\n`
    const answers = await send(`POST /nothing HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n${chunk}`)
    expect(statuses(answers)).toEqual(['404'])
  })

  test('if what follows it is not HTTP: that gets no answer that could be taken for the first', async () => {
    let finish = () => undefined as void
    const finished = new Promise<void>((resolve) => (finish = resolve))
    const { send } = await startService({
      routes(app) {
        app.get('/slow', async () => {
          await finished
          return {}
        })
      },
    })
    const answers = await send('GET /slow HTTP/1.1\r\nHost: a\r\n\r\nNONSENSE\r\n\r\n')
    finish()
    expect(answers).toBe('')
  })

  test.each([
    ['NONSENSE\r\n\r\n', '400'],
    ['CONNECT a:80 HTTP/1.1\r\nHost: a\r\n\r\n', '400'],
    [`GET / HTTP/1.1\r\nX: ${'x'.repeat(20_000)}\r\n\r\n`, '431'],
  ])('if it is none: %j', async (bytes, status) => {
    const { send } = await startService({})
    const answer = await send(bytes)
    expect(statuses(answer)).toEqual([status])
    expect(answer).toMatch(/"error":"invalid_request"/)
    // A page may read why: the answer says nothing of the request.
    expect(answer).toMatch(/\r\nAccess-Control-Allow-Origin: \*\r\n/)
  })
})
