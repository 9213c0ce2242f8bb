import { once } from 'node:events'
import { type Socket, connect } from 'node:net'
import { type Service, startService } from '@heirloom/local-stack'
import { beforeAll, describe, expect, test } from 'vitest'
import { PASSWORD, type TestServer, testServer } from './support/server.ts'
import { openStores } from './support/stores.ts'

let server: TestServer
let stores: ReturnType<typeof openStores>
beforeAll(async () => {
  server = await testServer()
  stores = openStores(server)
})

interface Wire {
  socket: Socket
  /** All that was received so far. */
  read: () => string
}

async function open({ url }: Service): Promise<Wire> {
  const { hostname, port } = new URL(url)
  const socket = connect(Number(port), hostname)
  let text = ''
  socket.on('data', (data) => (text += data.toString())).on('error', () => undefined)
  await once(socket, 'connect')
  return { socket, read: () => text }
}

const refuses = async ({ url }: Service) => {
  const { hostname, port } = new URL(url)
  const socket = connect(Number(port), hostname)
  const answer = await Promise.race([once(socket, 'connect'), once(socket, 'error')]).catch(() => ['refused'])
  socket.destroy()
  return answer.length > 0
}

const request = (path: string, body: string) =>
  `POST ${path} HTTP/1.1\r\nHost: a\r\nContent-Type: application/json\r\nContent-Length: ${body.length}\r\n\r\n${body}`

/** A kept connection that has had one answer, and on which the first half of a login was sent. */
async function halfALogin(service: Service, username: string) {
  const wire = await open(service)
  wire.socket.write('GET /livez HTTP/1.1\r\nHost: a\r\n\r\n')
  await expect.poll(wire.read).toMatch(/"ok"/)
  const login = request('/auth/login', JSON.stringify({ username, password: PASSWORD }))
  wire.socket.write(login.slice(0, -5))
  return { ...wire, finish: () => wire.socket.write(login.slice(-5)) }
}

async function anotherServer() {
  const service = await startService({ script: 'apps/auth-server', env: server.env })
  await service.ready()
  return service
}

describe('a server that gets a SIGTERM', () => {
  test('answers the running request on a kept connection, closes it, writes what is waiting and exits with 0', async () => {
    const { username } = await server.login()
    const service = await anotherServer()
    const { socket, read, finish } = await halfALogin(service, username)
    service.kill('SIGTERM')
    await expect.poll(() => refuses(service)).toBe(true)
    finish()
    await once(socket, 'close')
    const [head = '', body = ''] = read().split('HTTP/1.1 ').at(-1)?.split('\r\n\r\n') ?? []
    expect(head).toMatch(/^200 /)
    expect(head).toMatch(/^connection: close$/im)
    expect(await service.exited).toEqual({ code: 0, signal: null })
    const sid = JSON.parse(body).session_id
    expect(await stores.database.securityEvent.count({ where: { sid, type: 'login' } })).toBe(1)
  })

  test('cuts off a request that does not end, and still writes what is waiting and exits with 0', async () => {
    const { username } = await server.login()
    const service = await anotherServer()
    const hanging = await halfALogin(service, username)
    const { socket, read, finish } = await halfALogin(service, username)
    service.kill('SIGTERM')
    await expect.poll(() => refuses(service)).toBe(true)
    finish()
    await once(socket, 'close')
    expect(await service.exited).toEqual({ code: 0, signal: null })
    expect(hanging.socket.closed || hanging.socket.destroyed || hanging.socket.readableEnded).toBe(true)
    const sid = JSON.parse(read().split('\r\n\r\n').at(-1) ?? '').session_id
    expect(await stores.database.securityEvent.count({ where: { sid, type: 'login' } })).toBe(1)
  })
})

describe('KEEP_ALIVE_TIMEOUT_SECONDS', () => {
  test('a connection that is idle for that long is closed, and each answer announces it', async () => {
    const service = await startService({
      script: 'apps/auth-server',
      env: { ...server.env, KEEP_ALIVE_TIMEOUT_SECONDS: '1' },
    })
    try {
      await service.ready()
      const { socket, read } = await open(service)
      socket.write('GET /livez HTTP/1.1\r\nHost: a\r\n\r\n')
      await once(socket, 'close')
      expect(read()).toMatch(/^keep-alive: timeout=1\r$/im)
    } finally {
      await service.stop()
    }
  })
})
