// `npm run prose`: finds words that we no longer use in every file, and long sentences in Markdown.
import { globSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { type Fault, longSentences, oldWords } from './read-prose.ts'

const root = fileURLToPath(new URL('../..', import.meta.url))
const TEXT = '**/*.{ts,mjs,js,md,html,lua,py,prisma,json,yml,yaml,conf,sh}'
/** The documents that people read. */
const PAPERS = /^(?:README|SECURITY|CONTRIBUTING)\.md$|^docs\/.*\.md$|^(?:packages|apps|tools)\/[^/]+\/README\.md$/
/** Installed, generated, or never edited again. */
const IS_NOT_OURS = /(?:^|\/)(?:node_modules|dist|generated|data|migrations|\.git|\.turbo)(?:\/|$)/
/** Files that name the old words on purpose. */
const IS_HISTORY =
  /(?:^|\/)CHANGELOG\.md$|^\.changeset\/|^scripts\/check\/old-words\.ts$|^scripts\/test\/check\/|^package-lock\.json$/

const files = globSync([TEXT, '.{env.example,github,changeset}{,/**/*.{yml,md}}'], {
  cwd: root,
  exclude: (path) => IS_NOT_OURS.test(path),
})
  .filter((path) => !IS_HISTORY.test(path) && !/^\.(?:github|changeset)$/.test(path))
  .toSorted()

let failed = 0
for (const path of files) {
  const text = readFileSync(join(root, path), 'utf8')
  const faults = [...oldWords(text), ...(PAPERS.test(path) ? longSentences(text) : [])]
  if (faults.length === 0) continue
  failed++
  console.log(`${path}: ${faults.length}`)
  for (const fault of faults) console.log(`  ${path}:${describeFault(fault)}`)
}
if (failed > 0) console.error(`Prose: ${failed} of ${files.length} files.`)
process.exitCode = failed === 0 ? 0 : 1

function describeFault(fault: Fault): string {
  return fault.kind === 'word'
    ? `${fault.line}  "${fault.word}": say ${fault.instead}`
    : `${fault.line}  a sentence of ${fault.words} words: ${fault.start} ...`
}
