import { type ChildProcess, spawn } from 'node:child_process'
import { fileURLToPath } from 'node:url'
import { freePort } from '@heirloom/local-stack'
import { open } from './http-load.ts'
import { type Issuer, settingsOf } from './issuer.ts'

/** The contenders and their files in `peers/resource`. */
const CONTENDERS = [
  { name: 'bare Fastify route', script: 'bare' },
  { name: 'bare route, signature verified', script: 'signature-only' },
  { name: 'bare route, least that is a check', script: 'least-check' },
  { name: '@heirloom/verifier, Fastify', script: 'heirloom-fastify' },
  { name: '@heirloom/verifier, Fastify, no status list', script: 'heirloom-fastify', env: { STATUS: 'off' } },
  { name: '@heirloom/verifier, Express', script: 'heirloom-express' },
  { name: '@heirloom/verifier under @fastify/jwt', script: 'heirloom-fastify-jwt' },
  { name: '@fastify/jwt + get-jwks', script: 'fastify-jwt' },
  { name: '@fastify/jwt + get-jwks, with cache', script: 'fastify-jwt', env: { CACHE: '1' } },
  { name: 'jose, Fastify', script: 'jose' },
  { name: 'express-oauth2-jwt-bearer', script: 'express-oauth2-jwt-bearer' },
  { name: 'aws-jwt-verify, Fastify', script: 'aws-jwt-verify' },
  { name: 'passport-jwt + jwks-rsa, Express', script: 'passport-jwt' },
] as const

export type ContenderName = (typeof CONTENDERS)[number]['name']

export interface Contender {
  name: ContenderName
  port: number
  pid: number
  stop: () => void
}

/** Starts each in its own process, as in production. */
export async function startContenders(issuer: Issuer): Promise<Contender[]> {
  return Promise.all(
    CONTENDERS.map(async ({ name, script, ...more }) => {
      const port = await freePort()
      const env = { ...settingsOf(issuer, port), ...('env' in more ? more.env : {}) }
      const path = fileURLToPath(new URL(`../peers/resource/${script}.ts`, import.meta.url))
      const child: ChildProcess = spawn(process.execPath, [path], { env, stdio: ['ignore', 'ignore', 'inherit'] })
      ;(await open(port)).destroy()
      return { name, port, pid: child.pid ?? 0, stop: () => child.kill('SIGTERM') }
    }),
  )
}
