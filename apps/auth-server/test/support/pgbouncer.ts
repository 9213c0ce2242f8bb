import { spawnSync } from 'node:child_process'
import { closeSync, mkdirSync, openSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { freePort, startChild } from '@heirloom/local-stack'
import pg from 'pg'
import { expect, inject, onTestFinished } from 'vitest'

/**
 * Starts a real PgBouncer in front of the Postgres of this URL, until the test is over. Returns the URL through PgBouncer.
 * Settings that are not given have PgBouncer's defaults.
 */
export async function startPgBouncer(databaseUrl: string, settings: Record<string, string>): Promise<string> {
  const { hostname, port: postgresPort, username, password } = new URL(databaseUrl)
  const port = await freePort()
  const folder = join(inject('runFolder'), `pgbouncer-${port}`)
  mkdirSync(folder)
  const [usersFile, configFile] = [join(folder, 'users'), join(folder, 'pgbouncer.ini')]
  writeFileSync(usersFile, `"${username}" "${password}"\n`, { mode: 0o600 })
  const config = {
    listen_addr: '127.0.0.1',
    listen_port: String(port),
    unix_socket_dir: '',
    auth_type: 'scram-sha-256',
    auth_file: usersFile,
    // It refuses to run as root.
    ...(process.getuid?.() === 0 && { user: 'nobody' }),
    ...settings,
  }
  const lines = Object.entries(config).map(([name, value]) => `${name} = ${value}\n`)
  writeFileSync(configFile, `[databases]\n* = host=${hostname} port=${postgresPort}\n[pgbouncer]\n${lines.join('')}`)
  if (spawnSync('pgbouncer', ['--version']).error)
    throw new Error('this test needs a PgBouncer on the PATH: install the package pgbouncer')
  const log = openSync(join(folder, 'log'), 'w')
  const { child } = await startChild({
    command: 'pgbouncer',
    args: [configFile],
    stdio: ['ignore', log, log],
    stopSignal: 'SIGTERM',
  })
  closeSync(log)
  onTestFinished(() => child.stop())

  const url = new URL(databaseUrl)
  url.port = String(port)
  await expect.poll(() => answers(url.href)).toBe(true)
  return url.href
}

async function answers(url: string): Promise<boolean> {
  const client = new pg.Client({ connectionString: url })
  try {
    await client.connect()
    return true
  } catch {
    return false
  } finally {
    await client.end()
  }
}
