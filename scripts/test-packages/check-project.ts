import { execFileSync, spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { fileURLToPath } from 'node:url'
import { WAYS, loadInChromium } from './in-chromium.ts'
import type { Tools } from './install.ts'

const root = fileURLToPath(new URL('../..', import.meta.url))

export interface Place {
  folder: string
  tarballs: Record<string, string>
  tools: Tools
  authUrl: string
  apiUrl: string
  /** Returns an access token of a user who may read reports. On a slow machine, a project can outlast one. */
  logIn(): Promise<string>
}

interface Project {
  manager: keyof Tools
  fastify: string
  express: string
  /** Of @fastify/jwt. */
  jwt: string
}

interface Result {
  step: string
  /** Null if it works. */
  trouble: string | null
}

/** Installs, compiles and runs one project outside of the repository. */
export async function* checkProject(place: Place, project: Project): AsyncGenerator<Result> {
  const folder = join(place.folder, `${project.manager}-${project.fastify}`)
  const [command = '', ...args] = place.tools[project.manager]
  const snippets = writeProject(folder, place, project)
  yield attempt('installs, and asks no registry for a name of ours', () => run(folder, command, args))

  const tsc = [join(folder, 'node_modules/typescript/bin/tsc'), '--project']
  for (const mode of ['node16', 'nodenext', 'bundler'])
    yield attempt(`compiles under ${mode}`, () => run(folder, process.execPath, [...tsc, `tsconfig.${mode}.json`]))

  const node = ['--disable-warning=ExperimentalWarning', '--import', './preload.mjs']
  const token = await place.logIn()
  for (const { file, text } of snippets) {
    const step = `${file} runs as it stands`
    if (/\blisten\(/.test(text)) yield await attemptToServe(step, folder, [...node, file], token)
    else yield attempt(step, () => run(folder, process.execPath, [...node, file, token]))
  }
  yield attempt('works beside @fastify/jwt', () => run(folder, process.execPath, [...node, 'beside.mjs', token]))
  yield attempt('works from CommonJS, in TypeScript', () => {
    run(folder, process.execPath, [...tsc, 'tsconfig.common.json'])
    run(folder, process.execPath, [...node, 'out/common.cjs', token])
  })
  yield attempt('has bundles for a script tag and an import map', () =>
    run(folder, process.execPath, [...node, 'bundles.mjs']),
  )
  for (const way of WAYS) {
    const trouble = await loadInChromium(folder, way).then(
      () => null,
      (error: Error) => error.message,
    )
    yield { step: `the client loads in Chromium by ${way}`, trouble }
  }
}

function attempt(step: string, work: () => void): Result {
  try {
    work()
    return { step, trouble: null }
  } catch (error) {
    const { stdout = '', stderr = '', message } = error as Error & { stdout?: string; stderr?: string }
    return { step, trouble: `${stdout}${stderr}`.trim().slice(0, 2_000) || message }
  }
}

function run(cwd: string, command: string, args: string[]): void {
  execFileSync(command, args, { cwd, encoding: 'utf8', stdio: 'pipe', timeout: 180_000 })
}

/** Checks a snippet that serves /reports on port 3000. */
async function attemptToServe(step: string, cwd: string, args: string[], token: string): Promise<Result> {
  const child = spawn(process.execPath, args, { cwd, stdio: ['ignore', 'ignore', 'pipe'] })
  let complaint = ''
  child.stderr.on('data', (chunk) => (complaint += chunk))
  const ask = (headers: Record<string, string>) => fetch('http://127.0.0.1:3000/reports', { headers }).catch(() => null)
  try {
    const deadline = Date.now() + 30_000
    while (child.exitCode === null && Date.now() < deadline && !(await ask({}))) await sleep(100)
    const statuses = [(await ask({}))?.status, (await ask({ authorization: `Bearer ${token}` }))?.status]
    const works = child.exitCode === null && statuses.join() === '401,200'
    return { step, trouble: works ? null : `it answers ${statuses.join()}, not 401,200\n${complaint}`.trim() }
  } finally {
    child.kill()
    if (child.exitCode === null && child.signalCode === null) await once(child, 'exit')
  }
}

/** Writes each snippet of the READMEs to its own file, and returns the files. */
function writeProject(
  folder: string,
  place: Place,
  { fastify, express, jwt }: Project,
): { file: string; text: string }[] {
  mkdirSync(folder)
  const write = (file: string, text: string) => writeFileSync(join(folder, file), text)
  const ours = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8')) as {
    devDependencies: Record<string, string>
  }
  write(
    'package.json',
    JSON.stringify({
      private: true,
      type: 'module',
      dependencies: {
        ...place.tarballs,
        fastify,
        express,
        '@fastify/jwt': jwt,
        '@types/express': express.split('.')[0],
        '@types/node': ours.devDependencies['@types/node'],
        typescript: ours.devDependencies['typescript'],
      },
    }),
  )
  // A request to the registry for one of our names must fail.
  write('.npmrc', '@heirloom:registry=http://127.0.0.1:9/\n')
  write('preload.mjs', preload(place))
  write('common.cts', COMMON)
  write('beside.mjs', BESIDE)
  write('bundles.mjs', BUNDLES)
  const compilerOptions = {
    target: 'es2023',
    lib: ['es2024', 'dom'],
    types: ['node'],
    strict: true,
    exactOptionalPropertyTypes: true,
    skipLibCheck: true,
  }
  const config = (name: string, options: object, include: string[]) =>
    write(`tsconfig.${name}.json`, JSON.stringify({ compilerOptions: { ...compilerOptions, ...options }, include }))
  const all = ['*.ts', '*.cts']
  config('node16', { module: 'node16', moduleResolution: 'node16', noEmit: true }, all)
  config('nodenext', { module: 'nodenext', moduleResolution: 'nodenext', noEmit: true }, all)
  config('bundler', { module: 'preserve', moduleResolution: 'bundler', noEmit: true }, all)
  config('common', { module: 'node16', moduleResolution: 'node16', rootDir: '.', outDir: 'out' }, ['common.cts'])
  return ['verifier', 'client'].flatMap((name) => {
    const readme = readFileSync(join(root, 'packages', name, 'README.md'), 'utf8')
    return [...readme.matchAll(/^```(ts|js)\n([\s\S]*?)^```$/gm)].map(([, language, text = ''], index) => {
      const file = `${name}-${index + 1}.${language === 'js' ? 'cjs' : 'ts'}`
      write(file, text)
      return { file, text }
    })
  })
}

/** Maps the addresses in the READMEs to the running stack, and defines what a browser has. */
const preload = ({ authUrl, apiUrl }: Place) => `
const places = { 'https://auth.example': '${authUrl}', 'https://login.example': '${authUrl}', 'https://api.example': '${apiUrl}' }
const real = globalThis.fetch
globalThis.fetch = (input, init) => {
  const url = new URL(input instanceof Request ? input.url : input)
  const place = places[url.origin] ? places[url.origin] + url.pathname + url.search : url.href
  return real(input instanceof Request ? new Request(place, input) : place, init)
}
const kept = new Map()
const localStorage = { getItem: (key) => kept.get(key) ?? null, setItem: (key, value) => void kept.set(key, value), removeItem: (key) => void kept.delete(key) }
Object.defineProperty(globalThis, 'localStorage', { value: localStorage })
Object.defineProperty(globalThis, 'location', { value: { origin: 'https://auth.example', assign() {} } })
`

const COMMON = `import { createClient } from '@heirloom/client'
import { type HeirloomClaims, type Verifier, callerOf, connectBearer, createVerifier } from '@heirloom/verifier'
import { bearerAuth } from '@heirloom/verifier/fastify'
import { TokenRefusedError, fastifyJwtOptions } from '@heirloom/verifier/fastify-jwt'
import { fastifyJwt } from '@fastify/jwt'
import { fastify } from 'fastify'

async function main(token: string): Promise<void> {
  const verifier: Verifier<HeirloomClaims> = createVerifier({ issuer: 'https://auth.example', audience: 'resource-api' })
  // @ts-expect-error the types are there
  void verifier.verify(1)
  await verifier.ready()
  const app = fastify()
  await app.register(bearerAuth, { verifier })
  app.get('/me', { onRequest: app.authenticate }, (request) => ({ sub: callerOf(request).sub }))
  const { statusCode } = await app.inject({ url: '/me', headers: { authorization: \`Bearer \${token}\` } })
  if (statusCode !== 200) throw new Error(\`the answer is \${statusCode}\`)
  if (typeof connectBearer !== 'function' || typeof createClient !== 'function') throw new Error('not all is there')
  await app.close()
  const jwtApp = fastify()
  await jwtApp.register(fastifyJwt, fastifyJwtOptions(verifier))
  jwtApp.get('/me', (request) => request.jwtVerify().catch((error: unknown) => (error as TokenRefusedError).body))
  const answer = await jwtApp.inject({ url: '/me', headers: { authorization: \`Bearer \${token}\` } })
  if (!answer.json<{ sub?: string }>().sub) throw new Error(\`jwtVerify() answers \${answer.body}\`)
  await jwtApp.close()
}
void main(process.argv[2] ?? '')
`

const BUNDLES = `import { readFileSync } from 'node:fs'
import { runInThisContext } from 'node:vm'

const bundles = './node_modules/@heirloom/client/dist/browser/'
for (const name of ['client', 'redirect']) runInThisContext(readFileSync(bundles + name + '.js', 'utf8'))
const { createClient } = await import(bundles + 'client.mjs')
const { createRedirectClient } = await import(bundles + 'redirect.mjs')
const options = { authServer: 'https://auth.example', resources: [], clientId: 'web' }
for (const create of [createClient, heirloom.createClient, createRedirectClient, heirloom.createRedirectClient])
  if (await create(options).isLoggedIn()) throw new Error('nobody has logged in')
createClient({ ...options, delivery: 'cookie' })
// The bundles are for browsers, and leave out what lets a process of Node's end.
process.exit()
`

const BESIDE = `import jwt from '@fastify/jwt'
import { callerOf, createVerifier } from '@heirloom/verifier'
import { bearerAuth } from '@heirloom/verifier/fastify'
import Fastify from 'fastify'

const verifier = createVerifier({ issuer: 'https://auth.example', audience: 'resource-api' })
await verifier.ready()
const app = Fastify()
await app.register(jwt, { secret: 'a secret of another part of the service' })
await app.register(bearerAuth, { verifier })
app.get('/me', { onRequest: app.authenticate }, (request) => ({ sub: callerOf(request).sub }))
const { statusCode } = await app.inject({ url: '/me', headers: { authorization: 'Bearer ' + process.argv[2] } })
if (statusCode !== 200) throw new Error('the answer is ' + statusCode)
await app.close()
`
