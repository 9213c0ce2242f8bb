import { readFileSync } from 'node:fs'

/** Values for the names in capitals in a script. A list becomes several arguments. */
type Constants = Record<string, string | number | readonly string[]>

/**
 * Reads a Lua script, once, at the start. Constants that TypeScript shares with a script are put into its text, so that they
 * cost nothing when it runs. @throws if the script does not use one of the constants.
 */
export function readLua(file: URL, constants: Constants = {}): string {
  return Object.entries(constants).reduce(
    (lua, [name, value]) => {
      if (!lua.includes(name)) throw new Error(`${file.pathname} does not use ${name}`)
      return lua.replaceAll(name, [value].flat().map(toLiteral).join(', '))
    },
    readFileSync(file, 'utf8'),
  )
}

const toLiteral = (value: string | number) => (typeof value === 'number' ? String(value) : `'${value}'`)
