import { accessSync, constants } from 'node:fs'
import { delimiter, join } from 'node:path'

const BROWSERS = ['chromium-headless-shell', 'chromium', 'chromium-browser', 'google-chrome']

/** The path of the first of these programs that is on the PATH, or null. */
export function findProgram(...names: string[]): string | null {
  const folders = (process.env['PATH'] ?? '').split(delimiter)
  return names.flatMap((name) => folders.map((folder) => join(folder, name))).find(isExecutable) ?? null
}

/** The path of a Chromium, or null. */
export const findBrowser = () => findProgram(...BROWSERS)

/** The path of a Firefox, or null. */
export const findFirefox = () => findProgram('firefox-esr', 'firefox')

/** Browser tests run in Chromium, and `npm run test:firefox` sets this variable. */
export const isFirefox = process.env['TEST_BROWSER'] === 'firefox'

function isExecutable(path: string): boolean {
  try {
    accessSync(path, constants.X_OK)
    return true
  } catch {
    return false
  }
}
