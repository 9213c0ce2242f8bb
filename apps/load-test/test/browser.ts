import { execFile } from 'node:child_process'
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { promisify } from 'node:util'

const run = promisify(execFile)

export interface Seen {
  /** The width of each chart, and the length of its shortest line. */
  pictures: { width: number; shortestLine: number }[]
  /** Text outside of its chart. */
  cutOff: string[]
  /** How many pixels the page is wider than the window. */
  overflow: number
  /** Other resources that the page fetched. */
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

/** Renders a page without network, in a window of this width. */
export async function seenIn(browser: string, page: string, width: number, folder: string): Promise<Seen> {
  const file = join(folder, `page-${width}.html`)
  writeFileSync(file, `${page}<pre id="seen"></pre><script>${LOOK}</script>`)
  const flags = ['--headless', '--no-sandbox', '--disable-gpu', `--user-data-dir=${join(folder, 'browser')}`]
  const offline = ['--host-resolver-rules=MAP * ~NOTFOUND', `--window-size=${width},800`]
  const { stdout } = await run(browser, [...flags, ...offline, '--dump-dom', `file://${file}`], { maxBuffer: 2 ** 26 })
  return JSON.parse(/<pre id="seen">(.*?)<\/pre>/.exec(stdout)?.[1] ?? '') as Seen
}
