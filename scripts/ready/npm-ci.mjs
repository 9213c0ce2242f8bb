import { spawnSync } from 'node:child_process'
import { accessSync, constants, existsSync, mkdtempSync, rmSync } from 'node:fs'
import { homedir, tmpdir } from 'node:os'
import { delimiter, dirname, join } from 'node:path'

/**
 * Everything that decides what is installed and where. The command line overrides the user's npmrc and environment, such as
 * `omit=dev`, `NODE_ENV=production` and `install-strategy=linked`.
 */
const OPTIONS = {
  include: ['dev', 'optional', 'peer'],
  // No package runs its own code here. programs.mjs does what has to be done afterwards.
  'ignore-scripts': true,
  'install-strategy': 'hoisted',
  'bin-links': true,
  'engine-strict': false,
  'legacy-peer-deps': false,
  'strict-peer-deps': false,
  'package-lock': true,
  'package-lock-only': false,
  'dry-run': false,
  global: false,
  location: 'project',
  os: process.platform,
  cpu: process.arch,
  audit: false,
  fund: false,
  loglevel: 'error',
}

/** Settings in the environment that the command line cannot override. */
const UNSET = /^npm_config_(workspaces?|include[-_]workspace[-_]root|local[-_]prefix|libc|only|production|also|dev)$/i

/** Throws, with one line, if npm fails. npm's own output comes before it. */
export function npmCi(root) {
  const bin = join(root, 'node_modules', '.bin')
  const env = Object.fromEntries(Object.entries(process.env).filter(([name]) => !UNSET.test(name)))
  // npm must not run under the Node that it is about to replace.
  env.PATH = process.env.PATH.split(delimiter)
    .filter((folder) => folder !== bin)
    .join(delimiter)
  const other = otherCache(env)
  const options = Object.entries({ ...OPTIONS, ...other }).flatMap(([name, values]) =>
    [values].flat().map((value) => `--${name}=${value}`),
  )
  const { status, error } = spawnSync('npm', ['ci', ...options], { cwd: root, env, stdio: ['ignore', 2, 2] })
  if (other.cache) rmSync(other.cache, { recursive: true, force: true })
  if (status !== 0) throw new Error(`npm ci failed${error ? `: ${error.message}` : '. Its output is above.'}`)
}

/** Another cache, if the user's cannot be written, such as in a read-only HOME. */
function otherCache(env) {
  let folder = env.npm_config_cache ?? join(homedir(), '.npm')
  while (!existsSync(folder)) folder = dirname(folder)
  try {
    accessSync(folder, constants.W_OK)
    return {}
  } catch {
    return { cache: mkdtempSync(join(tmpdir(), 'heirloom-npm-')) }
  }
}
