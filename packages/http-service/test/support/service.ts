import { connect } from 'node:net'
import { text } from 'node:stream/consumers'
import { onTestFinished } from 'vitest'
import { type App, type AppOptions, createApp, createMetrics } from '../../src/index.ts'

export interface TestService {
  app: App
  url: string
  /** Sends bytes on one connection, and returns everything that arrives until the service closes it. */
  send: (bytes: string) => Promise<string>
}

/** A service that listens, for the test that runs. */
export async function startService(options: Partial<AppOptions>): Promise<TestService> {
  const app = createApp({
    routes: () => undefined,
    logLevel: 'silent',
    metrics: createMetrics(),
    notReady: () => [],
    keepAliveTimeoutSeconds: 5,
    ...options,
  })
  onTestFinished(() => app.close())
  const url = await app.listen({ host: '127.0.0.1', port: 0 })
  const send = async (bytes: string) => {
    const socket = connect(Number(new URL(url).port), '127.0.0.1')
    socket.on('error', () => undefined)
    socket.write(bytes)
    return text(socket).catch(() => '')
  }
  return { app, url, send }
}
