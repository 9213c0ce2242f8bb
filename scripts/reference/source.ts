import { readFileSync, readdirSync } from 'node:fs'

const ROOT = new URL('../../', import.meta.url)

export const source = (path: string): string => readFileSync(new URL(path, ROOT), 'utf8')

/** All TypeScript in these folders. */
export const sources = (...folders: string[]): string[] =>
  folders.flatMap((folder) =>
    readdirSync(new URL(folder, ROOT), { recursive: true, encoding: 'utf8' })
      .filter((name) => name.endsWith('.ts') && !name.includes('generated'))
      .map((name) => source(`${folder}/${name}`)),
  )

/** The declaration of a type in a source: it ends before the next line that is not indented. */
export function declarationOf(text: string, type: string): string {
  const [, body] = new RegExp(`type ${type} =((?:\\n +.*| .*)+)`).exec(text) ?? []
  if (body === undefined) throw new Error(`there is no type ${type} in the source`)
  return body
}

/** The members of a union, each with the text of its comment. @throws if one has no comment. */
export function commentedWords(text: string, type: string): { word: string; comment: string }[] {
  const members = [...declarationOf(text, type).matchAll(/(?:\/\*\*((?:(?!\*\/)[^])*)\*\/\s*)?\| '(\w+)'/g)]
  return members.map(([, comment, word = '']) => {
    if (!comment) throw new Error(`'${word}' of ${type} has no comment for the reference page`)
    return { word, comment: comment.replaceAll(/\s*\n\s*\* ?/g, ' ').trim() }
  })
}
