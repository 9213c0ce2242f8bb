import { spawnSync } from 'node:child_process'
import { randomBytes } from 'node:crypto'
import { existsSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createDatabase, findBrowser, findFirefox, findRedis, isFirefox, startPostgres } from '@heirloom/local-stack'
import type { TestProject } from 'vitest/node'
import { migrate } from '../../prisma/migrate.ts'
import { prepareRoles } from '../../prisma/roles.ts'

/** Neither UTC nor ISO, nor the tests' time zone, so an answer that depends on one of these is wrong here. */
const FAR_AWAY = { timezone: 'Asia/Kathmandu', datestyle: 'SQL, DMY' }

/** Starts one Postgres for the whole run, with a migrated database that each test file copies. */
export default async function setup(project: TestProject): Promise<() => Promise<void>> {
  if (findRedis() === null) installRedis()
  if (!succeeds('pgbouncer', ['--version'])) installPackages('pgbouncer')
  if (!succeeds('jq', ['--version'])) installPackages('jq')
  // Before the first test, because an installation during the tests would take a core for a minute.
  if (isFirefox && !findFirefox()) installPackages('firefox-esr', 'fonts-dejavu-core')
  if (!isFirefox && !findBrowser()) installPackages('chromium-headless-shell', 'fonts-dejavu-core')
  if (!isFirefox && project.name === 'integration')
    console.log('Browser tests run in Chromium, and not in Firefox: that is `npm run test:firefox`.')
  const hasClients = () =>
    succeeds('curl', ['--version']) && succeeds('/usr/bin/python3', ['-c', 'import authlib, requests'])
  if (project.name === 'slow' && !hasClients()) installPackages('curl', 'python3-authlib', 'python3-requests')

  const runFolder = mkdtempSync(join(tmpdir(), 'heirloom-test-'))
  const postgres = await startPostgres({
    dataDir: join(runFolder, 'postgres'),
    // No data has to survive a power cut.
    settings: { fsync: 'off', synchronous_commit: 'off', full_page_writes: 'off', max_connections: '300', ...FAR_AWAY },
  })
  const templateUrl = await createDatabase(postgres.url, 'template')
  const [ownerUrl, serverUrl] = [withRole(templateUrl, 'heirloom_owner'), withRole(templateUrl, 'heirloom_server')]
  await prepareRoles({ adminUrl: templateUrl, ownerUrl, serverUrl })
  await migrate(ownerUrl, undefined, 'heirloom_server')
  project.provide('templateUrl', templateUrl)
  project.provide('serverUrl', serverUrl)
  project.provide('runFolder', runFolder)

  return async () => {
    await postgres.stop()
    rmSync(runFolder, { recursive: true, force: true })
  }
}

function withRole(url: string, role: string): string {
  const changed = new URL(url)
  changed.username = role
  changed.password = randomBytes(24).toString('base64url')
  return changed.href
}

/** The tests never run without a real Redis: those that would be skipped matter most. */
function installRedis(): void {
  installPackages('redis-server')
  if (findRedis() === null) {
    throw new Error('the tests need a Redis on the PATH: install the package redis-server, redis or valkey')
  }
}

/** Only as root on Debian. Elsewhere, the tests that need it say so. */
function installPackages(...names: string[]): void {
  if (process.getuid?.() !== 0 || !succeeds('apt-get', ['--version'])) return
  console.log(`Installing ${names.join(' and ')}, which the tests need ...`)
  withoutStartingServices(() => {
    succeeds('apt-get', ['update', '-qq'])
    succeeds('apt-get', ['install', '-qq', '--yes', '--no-install-recommends', ...names])
  })
}

/** Debian starts services that it installs, unless this script exits with 101. */
export function withoutStartingServices(install: () => void): void {
  const policy = '/usr/sbin/policy-rc.d'
  if (existsSync(policy)) return install()
  writeFileSync(policy, '#!/bin/sh\nexit 101\n', { mode: 0o755 })
  try {
    install()
  } finally {
    rmSync(policy)
  }
}

function succeeds(command: string, args: string[]): boolean {
  const env = { ...process.env, DEBIAN_FRONTEND: 'noninteractive' }
  return spawnSync(command, args, { env, stdio: ['ignore', 'ignore', 'inherit'] }).status === 0
}
