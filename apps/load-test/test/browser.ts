import { execFile, spawnSync } from 'node:child_process'
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { promisify } from 'node:util'

const BROWSERS = ['chromium-headless-shell', 'chromium', 'chromium-browser', 'google-chrome']
const PACKAGE = 'chromium-headless-shell'

const run = promisify(execFile)

const present = () => BROWSERS.find((name) => spawnSync(name, ['--version']).status === 0)

/** A real browser: one that is there, or Debian's where we may install it. Undefined where there is none. */
export async function findBrowser(): Promise<string | undefined> {
  const found = present()
  if (found || process.getuid?.() !== 0 || spawnSync('apt-get', ['--version']).status !== 0) return found
  console.log(`Installing ${PACKAGE}, with which a test looks at the report ...`)
  const env = { ...process.env, DEBIAN_FRONTEND: 'noninteractive' }
  const options = ['-qq', '--yes', '--no-install-recommends', '-o', 'Dpkg::Options::=--force-unsafe-io']
  await run('apt-get', ['update', '-qq'], { env })
    .then(() => run('apt-get', ['install', ...options, PACKAGE, 'fonts-dejavu-core'], { env }))
    .catch((error: Error) => console.log(error.message))
  return present()
}

export interface Seen {
  /** Of each picture: how wide it is, and how long its shortest line. */
  pictures: { width: number; shortestLine: number }[]
  /** Text of a picture that stands outside of it. */
  cutOff: string[]
  /** By how many pixels the page is wider than the window. */
  overflow: number
  /** What the page asked for beside itself. */
  fetched: string[]
}

/** Runs in the page. */
const LOOK = `
const within = (text, frame) => text.left >= frame.left - 1 && text.right <= frame.right + 1 &&
  text.top >= frame.top - 1 && text.bottom <= frame.bottom + 1
const pictures = [...document.querySelectorAll('svg')]
const seen = {
  pictures: pictures.map((svg) => ({
    width: svg.getBoundingClientRect().width,
    shortestLine: Math.min(...[...svg.querySelectorAll('path')].map((path) => path.getTotalLength())),
  })),
  cutOff: pictures.flatMap((svg) => [...svg.querySelectorAll('text')]
    .filter((text) => !within(text.getBoundingClientRect(), svg.getBoundingClientRect()))
    .map((text) => text.textContent)),
  overflow: document.documentElement.scrollWidth - document.documentElement.clientWidth,
  fetched: performance.getEntriesByType('resource').map(({ name }) => name),
}
document.getElementById('seen').textContent = JSON.stringify(seen)`

/** What a browser without a network makes of a page, in a window of this width. */
export async function seenIn(browser: string, page: string, width: number, folder: string): Promise<Seen> {
  const file = join(folder, `page-${width}.html`)
  writeFileSync(file, `${page}<pre id="seen"></pre><script>${LOOK}</script>`)
  const flags = ['--headless', '--no-sandbox', '--disable-gpu', `--user-data-dir=${join(folder, 'browser')}`]
  const offline = ['--host-resolver-rules=MAP * ~NOTFOUND', `--window-size=${width},800`]
  const { stdout } = await run(browser, [...flags, ...offline, '--dump-dom', `file://${file}`], { maxBuffer: 2 ** 26 })
  return JSON.parse(/<pre id="seen">(.*?)<\/pre>/.exec(stdout)?.[1] ?? '') as Seen
}
