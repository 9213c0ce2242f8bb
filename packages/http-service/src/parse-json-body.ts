import type { FastifyInstance, FastifyRequest } from 'fastify'

/** A body is UTF-8 (RFC 8259, section 8.1). Invalid bytes are an error, and are not replaced. */
const utf8 = new TextDecoder('utf-8', { fatal: true })

/**
 * Parses every JSON body, and refuses what is not UTF-8 and halves of surrogate pairs, which JSON can escape. Both would
 * become U+FFFD, so that two different passwords would become the same.
 */
export function addJsonParser(app: FastifyInstance): void {
  const parseJson = app.getDefaultJsonParser('error', 'error')
  app.removeAllContentTypeParsers()
  app.addContentTypeParser(
    'application/json',
    { parseAs: 'buffer' },
    (request: FastifyRequest, bytes: Buffer, done) => {
      // Many clients send a content type with every POST and DELETE. An empty body is then no body, not a malformed one.
      if (bytes.length === 0) return done(null)
      let text: string
      try {
        text = utf8.decode(bytes)
      } catch {
        return done(notText())
      }
      return parseJson(request, text, (error, body) => {
        if (error) done(error)
        else if (text.includes('\\u') && !isWellFormed(body)) done(notText())
        else done(null, body)
      })
    },
  )
}

const notText = () =>
  Object.assign(new Error('the body is not text'), { statusCode: 400, code: 'HEIRLOOM_BODY_NOT_TEXT' })

/** Uses its own stack, because a body can be nested deeper than function calls. */
function isWellFormed(body: unknown): boolean {
  const waiting = [body]
  while (waiting.length > 0) {
    const value = waiting.pop()
    if (typeof value === 'string' && !value.isWellFormed()) return false
    if (value !== null && typeof value === 'object')
      for (const [name, member] of Object.entries(value)) waiting.push(name, member)
  }
  return true
}
