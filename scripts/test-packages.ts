// `npm run test:packages`: installs the tarballs of the packages outside of the repository, with four package managers, and
// compiles and runs each snippet of their READMEs there, and loads the client in Chromium. It takes minutes and needs the
// registry, so `npm test` does not run it.
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { freePort } from '@heirloom/local-stack'
import { startHeirloom } from './start/heirloom.ts'
import { type Place, checkProject } from './test-packages/check-project.ts'
import { type Tools, installManagers, pack } from './test-packages/install.ts'

const PROJECTS = [
  { manager: 'npm', fastify: '5.12.8', express: '5.3.0', jwt: '10.2.8' },
  { manager: 'npm', fastify: '5.9.0', express: '4.22.3', jwt: '10.0.0' },
  { manager: 'pnpm', fastify: '5.11.3', express: '5.2.1', jwt: '10.2.7' },
  { manager: 'yarn', fastify: '5.10.0', express: '4.21.2', jwt: '10.1.0' },
  { manager: 'bun', fastify: '5.12.4', express: '5.1.0', jwt: '10.2.0' },
] as const satisfies { manager: keyof Tools; fastify: string; express: string; jwt: string }[]

const folder = mkdtempSync(join(tmpdir(), 'heirloom-test-packages-'))
const [authPort, apiPort] = [await freePort(), await freePort()]
// The READMEs use this name. In the snippets' processes it leads here.
const heirloom = await startHeirloom({
  dataDir: join(folder, 'data'),
  authPort,
  apiPort,
  env: { ISSUER: 'https://auth.example', JWKS_URI: `http://127.0.0.1:${authPort}/.well-known/jwks.json` },
  say: () => {},
})
let failed = 0
try {
  const place: Place = { folder, tarballs: pack(folder), tools: installManagers(folder), ...(await users(heirloom)) }
  for (const project of PROJECTS) {
    const name = `${project.manager}, Fastify ${project.fastify}, Express ${project.express}`
    for await (const { step, trouble } of checkProject(place, project)) {
      console.log(`${trouble === null ? 'ok    ' : 'FAILED'}  ${name}: ${step}`)
      if (trouble === null) continue
      failed++
      console.log(trouble.replaceAll(/^/gm, '          '))
    }
  }
} finally {
  await heirloom.stop()
  rmSync(folder, { recursive: true, force: true })
}
console.log(failed === 0 ? 'Everything works.' : `${failed} failed.`)
process.exitCode = failed === 0 ? 0 : 1

/** The user of the client's README, and a way to a token of the demo user. */
async function users({ authUrl, apiUrl, demoPassword }: Awaited<ReturnType<typeof startHeirloom>>) {
  const post = async (path: string, body: object) => {
    const headers = { 'content-type': 'application/json' }
    const response = await fetch(`${authUrl}${path}`, { method: 'POST', headers, body: JSON.stringify(body) })
    if (!response.ok) throw new Error(`${path} answers ${response.status}: ${await response.text()}`)
    return (await response.json()) as { access_token: string }
  }
  await post('/auth/register', { username: 'ann', password: 'a long and quiet walk' })
  const logIn = async () => (await post('/auth/login', { username: 'demo', password: demoPassword })).access_token
  return { authUrl, apiUrl, logIn }
}
