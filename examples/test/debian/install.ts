import { spawnSync } from 'node:child_process'
import { withoutStartingServices } from '../../../scripts/test/global-setup.ts'

const PACKAGES = [
  'apache2',
  'golang-github-golang-jwt-jwt-dev',
  'golang-go',
  'haproxy',
  'libapache2-mod-auth-openidc',
  'nginx-light',
  'openssl',
  'python3-cryptography',
  'python3-fastapi',
  'python3-jwt',
  'python3-uvicorn',
]

/** Installs missing packages. @throws if it cannot: these checks are never skipped. */
export default function install(): void {
  const isThere = (name: string) => spawnSync('dpkg', ['--status', name], { stdio: 'ignore' }).status === 0
  const missing = PACKAGES.filter((name) => !isThere(name))
  if (missing.length === 0) return
  console.log(`Installing ${missing.join(', ')} ...`)
  const env = { ...process.env, DEBIAN_FRONTEND: 'noninteractive' }
  const apt = (...parameters: string[]) => spawnSync('apt-get', ['-qq', ...parameters], { env, encoding: 'utf8' })
  withoutStartingServices(() => {
    apt('update')
    const { status, stderr } = apt('install', '--yes', '--no-install-recommends', ...missing)
    if (status !== 0)
      throw new Error(`these checks need Debian's ${missing.join(', ')}, and root to install them: ${stderr}`)
  })
}
