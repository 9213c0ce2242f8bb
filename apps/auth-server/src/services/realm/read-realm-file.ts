import { LineCounter, isCollection, isNode, isPair, isScalar, parseDocument } from 'yaml'
import { NESTS_TOO_DEEP } from '../../rules/judge-realm-file.ts'
import type { RealmFault } from '../../rules/realm-file.ts'

/** A realm file, parsed. */
export interface ParsedFile {
  value: unknown
  /** The line of a member, or of its row. Null if the file has no such row. */
  lineOf: (path: RealmFault['path']) => number | null
}

/** Larger than a realm of 100,000 clients. */
const MAX_FILE_CHARACTERS = 100_000_000

/** Parses YAML 1.2, of which JSON is a part. What is no YAML is told with its line. */
export function parseRealmFile(source: string): { ok: true; file: ParsedFile } | { ok: false; lines: string[] } {
  if (source.length > MAX_FILE_CHARACTERS) return { ok: false, lines: ['the file is too large for a realm'] }
  const counter = new LineCounter()
  const document = parseDocument(source, { lineCounter: counter, prettyErrors: false, stringKeys: true })
  const lineAt = (offset: number) => counter.linePos(offset).line
  const problems = [...document.errors, ...document.warnings]
  // The parser tells it as an error of the file.
  if (problems.some(({ message }) => message.includes('call stack')))
    return { ok: false, lines: [`the file ${NESTS_TOO_DEEP}`] }
  if (problems.length > 0)
    return { ok: false, lines: problems.map(({ pos, message }) => `line ${lineAt(pos[0])}: ${message}`) }
  let value: unknown
  try {
    value = document.toJS()
  } catch (error) {
    return { ok: false, lines: [(error as Error).message] } // too many aliases
  }

  const lineOf = (path: RealmFault['path']): number | null => {
    let node: unknown = document.contents
    let offset = isNode(node) ? (node.range?.[0] ?? 0) : 0
    let depth = 0
    for (const part of path) {
      if (!isCollection(node)) break
      // The name of a member tells its line better than its value, which may begin below.
      const pair = node.items.find((item) => isPair(item) && isScalar(item.key) && item.key.value === part)
      const next = isPair(pair) ? pair.key : node.items[Number(part)]
      if (!isNode(next)) break
      offset = next.range?.[0] ?? offset
      node = isPair(pair) ? pair.value : next
      depth++
    }
    return depth < Math.min(2, path.length) ? null : lineAt(offset)
  }
  return { ok: true, file: { value, lineOf } }
}

/** A line for each fault. @param name of the file, if there is one: it stands in front, with the line. */
export function faultLines(faults: readonly RealmFault[], file?: ParsedFile & { name: string }): string[] {
  return faults.map(({ path, text }) => {
    const line = file?.lineOf(path)
    const where = file && typeof line === 'number' ? `${file.name}:${line}: ` : ''
    return `${where}${shownPath(path)} ${text}`
  })
}

/** `clients.web.redirect_uris[0]`; a name that is not plain stands in brackets and quotes. */
function shownPath(path: RealmFault['path']): string {
  const shown = path.map((part) => {
    if (typeof part === 'number' || /^\d+$/.test(part)) return `[${part}]`
    return /^[\w-]+$/.test(part) ? `.${part}` : `[${JSON.stringify(part)}]`
  })
  return shown.join('').replace(/^\./, '') || 'the file'
}
