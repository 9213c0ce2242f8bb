import { execFile } from 'node:child_process'
import { promisify } from 'node:util'
import { expect, it } from 'vitest'
import { serve } from '../issuer.ts'
import { keysOf, one, status } from './answers.ts'

const run = async (program: string): Promise<string> =>
  (await promisify(execFile)(process.execPath, ['--input-type=module', '--eval', program])).stdout

it('keeps a process alive while it waits', async () => {
  let attempts = 0
  const issuer = await serve((request, response) => (attempts++ ? keysOf(one) : status(503))(request, response))
  const program = `
    import { RemoteKeySet } from ${JSON.stringify(new URL('../../src/index.ts', import.meta.url).href)}
    await new RemoteKeySet({ issuer: '${issuer}', jwksUri: '${issuer}/jwks.json' }).ready()
    console.log('ready')`
  const stdout = await run(program)
  expect(stdout).toBe('ready\n')
  expect(attempts).toBe(2)
})

it('reports after some seconds why it still waits, and for which address', async () => {
  const issuer = await serve((_request, response) => response.end(JSON.stringify({ issuer: 'https://b.example' })))
  const program = `
    import { RemoteKeySet } from ${JSON.stringify(new URL('../../src/index.ts', import.meta.url).href)}
    const set = new RemoteKeySet({ issuer: '${issuer}' })
    process.once('warning', ({ name, message }) => { console.log(name, message, set.problem); process.exit() })
    await set.ready()`
  const stdout = await run(program)
  const reason = `${issuer}/.well-known/oauth-authorization-server: metadata: of another issuer, "https://b.example"`
  expect(stdout).toMatch(/^HeirloomVerifierWarning Still waiting for the keys of/)
  expect(stdout.split(reason)).toHaveLength(3)
})
