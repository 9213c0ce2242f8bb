import { OLD_WORDS } from './old-words.ts'

export type Fault =
  | { kind: 'word'; line: number; word: string; instead: string }
  | { kind: 'sentence'; line: number; words: number; start: string }

/** The most words in a sentence. We aim at 25. */
export const LONGEST_SENTENCE = 35

/** Finds old words in a text of any language. Lines count from 1. */
export function oldWords(text: string): Fault[] {
  return text
    .split('\n')
    .flatMap((line, at) =>
      OLD_WORDS.flatMap(([pattern, instead]) =>
        Array.from(line.matchAll(pattern), ([word]): Fault => ({ kind: 'word', line: at + 1, word, instead })),
      ),
    )
}

/** Finds sentences of Markdown that are too long. Code, tables, headings, comments and the targets of links do not count. */
export function longSentences(markdown: string): Fault[] {
  return paragraphs(markdown).flatMap(({ line, text }) =>
    sentences(text)
      .map((sentence) => sentence.split(/\s+/).filter((word) => /[\p{L}\p{N}]/u.test(word)))
      .filter((words) => words.length > LONGEST_SENTENCE)
      .map((words): Fault => ({
        kind: 'sentence',
        line,
        words: words.length,
        start: words.slice(0, 8).join(' '),
      })),
  )
}

/** Each paragraph or list item, on one line. */
function paragraphs(markdown: string): { line: number; text: string }[] {
  const found: { line: number; text: string }[] = []
  let [isOpen, isCode] = [false, false]
  const withoutBlocks = markdown
    .replaceAll(/^( *)(```+|~~~+)[\s\S]*?^ *\2.*$/gm, blank)
    .replaceAll(/<!--[\s\S]*?-->/g, blank)
    .replace(/^---\n[\s\S]*?\n---\n/, blank)
  for (const [at, line] of withoutBlocks.split('\n').entries()) {
    isCode = /^ {4}/.test(line) && !isOpen && (isCode || !/^\s*(?:[-*+]|\d+\.) /.test(line))
    const isText = !isCode && !/^\s*$|^\s*\||^#|^\s*<\/?\w|^ {0,3}\[[^\]]+\]:/.test(line)
    const last = found.at(-1)
    if (last && isText && isOpen && !/^\s*(?:[-*+]|\d+\.) /.test(line)) last.text += ` ${line.trim()}`
    else if (isText) found.push({ line: at + 1, text: line.trim() })
    isOpen = isText
  }
  return found.map(({ line, text }) => ({ line, text: withoutMarkup(text) }))
}

/** Keeps the number of lines. */
const blank = (block: string) => block.replaceAll(/[^\n]/g, '')

function withoutMarkup(text: string): string {
  return text
    .replaceAll(/`+[^`]*`+/g, 'code')
    .replaceAll(/!?\[([^\]]*)\](?:\([^)]*\)|\[[^\]]*\])/g, '$1')
    .replaceAll(/https?:\/\/\S+/g, 'link')
    .replaceAll(/[*_]{1,3}/g, '')
    .replace(/^(?:[-*+>]|\d+\.)\s+/, '')
}

/** A full stop before a small letter ends nothing: "e.g. this", "src/a.ts is". */
function sentences(text: string): string[] {
  return text.split(/(?<=[.!?]["”’)]*)\s+(?=["“‘(]*[\p{Lu}\p{N}]|code\b)/u)
}
