import { describe, expect, test } from 'vitest'
import { LONGEST_SENTENCE, longSentences, oldWords } from '../../check/read-prose.ts'

/** A sentence with this number of words. */
const words = (count: number) => `A ${'word '.repeat(count - 2)}ends.`

describe('a sentence of Markdown', () => {
  test('may have 35 words, and no more', () => {
    expect(longSentences(words(LONGEST_SENTENCE))).toEqual([])
    expect(longSentences(`# Heading\n\nShort. ${words(LONGEST_SENTENCE + 1)}\n`)).toEqual([
      { kind: 'sentence', line: 3, words: LONGEST_SENTENCE + 1, start: 'A word word word word word word word' },
    ])
  })

  test('goes on over line breaks, links and code', () => {
    const half = 'word '.repeat(18)
    expect(longSentences(`${half}\n${half}.`)).toHaveLength(1)
    expect(longSentences(`- ${half}[a link](https://a.example/b c d) \`npm run a b c\` ${half}.`)).toMatchObject([
      { words: 39 },
    ])
  })

  test.each([
    ['two paragraphs', `${'word '.repeat(30)}\n\n${'word '.repeat(30)}`],
    ['two list items', `- ${'word '.repeat(30)}\n- ${'word '.repeat(30)}`],
    ['a fenced block', `Text:\n\n\`\`\`sh\n${words(60)}\n\`\`\`\n`],
    ['an indented block', `Text:\n\n    ${words(60)}\n    ${words(60)}\n`],
    ['a table', `| a | b |\n| - | - |\n| ${words(60)} | b |\n`],
    ['a comment', `<!-- ${words(60)} -->`],
    ['the target of a link', `[a](${'x '.repeat(60)})`],
  ])('%s: none', (_what, markdown) => {
    expect(longSentences(markdown)).toEqual([])
  })
})

test('an old word is found in its line, and not inside another word', () => {
  expect(oldWords('const a = 1\n// Whoever has a RedisTrust\nconst MyRedisTrusts = 2')).toEqual([
    { kind: 'word', line: 2, word: 'Whoever', instead: expect.any(String) },
    { kind: 'word', line: 2, word: 'RedisTrust', instead: 'RedisFence' },
  ])
  expect(oldWords('heirloom_redis_trusted 1')).toHaveLength(1)
})
