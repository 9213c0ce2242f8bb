import { spawnSync } from 'node:child_process'
import { randomBytes } from 'node:crypto'
import { existsSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createDatabase, findRedis, startPostgres } from '@heirloom/local-stack'
import type { TestProject } from 'vitest/node'
import { findBrowser } from '../../apps/load-test/test/browser.ts'
import { migrate } from '../../prisma/migrate.ts'
import { prepareRoles } from '../../prisma/roles.ts'

/** Neither UTC nor ISO, and another zone than that of the tests: an answer that depends on one of them is wrong here. */
const FAR_AWAY = { timezone: 'Asia/Kathmandu', datestyle: 'SQL, DMY' }

/** Starts one Postgres for the whole run, with a migrated database that each test file copies. */
export default async function setup(project: TestProject): Promise<() => Promise<void>> {
  if (findRedis() === null) installRedis()
  if (!succeeds('pgbouncer', ['--version'])) installPackages('pgbouncer')
  // Before the first test: an installation beside the tests would take a core from them for a minute.
  if (project.name === 'slow' && !findBrowser()) installPackages('chromium-headless-shell', 'fonts-dejavu-core')

  const runFolder = mkdtempSync(join(tmpdir(), 'heirloom-test-'))
  const postgres = await startPostgres({
    dataDir: join(runFolder, 'postgres'),
    // Nothing here has to outlive a power cut.
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

/** The tests never go without a real Redis: what would be skipped is what matters most. */
function installRedis(): void {
  installPackages('redis-server')
  if (findRedis() === null) {
    throw new Error('the tests need a Redis on the PATH: install the package redis-server, redis or valkey')
  }
}

/** As root on Debian; elsewhere what needs it says so. */
function installPackages(...names: string[]): void {
  if (process.getuid?.() !== 0 || !succeeds('apt-get', ['--version'])) return
  console.log(`Installing ${names.join(' and ')}, which the tests need ...`)
  withoutStartingServices(() => {
    succeeds('apt-get', ['update', '-qq'])
    succeeds('apt-get', ['install', '-qq', '--yes', '--no-install-recommends', ...names])
  })
}

/** Debian starts what it installs, unless this script says no (101). */
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
