const QUOTE = 0x22
const BACKSLASH = 0x5c
const COLON = 0x3a

/**
 * Parses JSON more strictly than `JSON.parse`. Returns undefined if a member is given twice, which RFC 7515, section 4, and
 * RFC 7519, section 4, allow to refuse, or if the nesting is deeper than `maxDepth`. The value is deeply frozen, so that it
 * can be shared.
 *
 * In valid JSON every colon outside of a string belongs to a member. `JSON.parse` keeps one member of each name, however
 * the name is escaped. So the text and the value have the same number of members only if none was given twice.
 */
export function parseStrictJson(text: string, maxDepth: number): unknown {
  let members = 0
  let depth = 0
  for (let at = 0; at < text.length; at++) {
    const char = text.charCodeAt(at)
    if (char === QUOTE) {
      at = endOfString(text, at)
    } else if (char === COLON) {
      members++
    } else if (char === 0x7b || char === 0x5b) {
      if (++depth > maxDepth) return undefined
    } else if (char === 0x7d || char === 0x5d) {
      depth--
    }
  }
  try {
    const value: unknown = JSON.parse(text)
    return freezeAndCount(value) === members ? value : undefined
  } catch {
    return undefined
  }
}

/** Index of the quote that ends the string begun at `start`; past the end of the text if there is none. */
function endOfString(text: string, start: number): number {
  let at = start + 1
  for (; at < text.length; at++) {
    const char = text.charCodeAt(at)
    if (char === QUOTE) break
    if (char === BACKSLASH) at++
  }
  return at
}

function freezeAndCount(value: unknown): number {
  if (typeof value !== 'object' || value === null) return 0
  const children: unknown[] = Object.values(value)
  let members = Array.isArray(value) ? 0 : children.length
  for (const child of children) members += freezeAndCount(child)
  Object.freeze(value)
  return members
}
