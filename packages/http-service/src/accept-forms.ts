import type { FastifyInstance } from 'fastify'

const FORM = /^application\/x-www-form-urlencoded[ \t]*(?:;|$)/i
/** Invalid bytes are an error, and are not replaced: two different secrets would become the same. */
const utf8 = new TextDecoder('utf-8', { fatal: true })

/**
 * The routes of this scope take forms (RFC 6749, appendix B) and nothing else. A parameter without a value counts as one that
 * was not sent, and none may be sent twice (section 3.2). What is wrong with a form is a 400, its Content-Type too.
 * @param options `repeatable` are the parameters that may be sent several times: they are arrays. With `keepsQuery`, the
 * address may have parameters too, as it does for a page whose state is in its address.
 */
export function acceptForms(
  scope: FastifyInstance,
  { repeatable = [], keepsQuery = false }: { repeatable?: readonly string[]; keepsQuery?: boolean } = {},
): void {
  scope.removeAllContentTypeParsers()
  scope.addHook('onRequest', ({ headers, raw }, _reply, done) => {
    if (!FORM.test(headers['content-type'] ?? ''))
      done(refused('Send the parameters as a form, with Content-Type: application/x-www-form-urlencoded.'))
    // Addresses are logged and kept in histories, by proxies and others (RFC 6749, section 2.3.1).
    else if (!keepsQuery && raw.url?.includes('?'))
      done(refused('Send the parameters in the body, and none in the address.'))
    else done()
  })
  scope.addContentTypeParser(
    'application/x-www-form-urlencoded',
    { parseAs: 'buffer' },
    (_request: unknown, bytes: Buffer, done) => {
      const form = parseForm(bytes, repeatable)
      if (typeof form === 'string') done(refused(form))
      else done(null, form)
    },
  )
}

/** Answers what is wrong, if something is. */
function parseForm(bytes: Buffer, repeatable: readonly string[]): Record<string, string | string[]> | string {
  const form = new Map<string, string[]>()
  try {
    for (const pair of utf8.decode(bytes).split('&')) {
      if (pair === '') continue
      const end = pair.indexOf('=')
      const [name, value] = end < 0 ? [pair, ''] : [pair.slice(0, end), pair.slice(end + 1)]
      const values = form.get(decode(name)) ?? []
      form.set(decode(name), values)
      values.push(decode(value))
    }
  } catch {
    return 'The body is not a form in UTF-8.'
  }
  const parsed: Record<string, string | string[]> = Object.create(null)
  for (const [name, values] of form) {
    const [value = ''] = values
    const sent = values.filter((one) => one !== '')
    if (repeatable.includes(name)) {
      if (sent.length > 0) parsed[name] = sent
    } else if (values.length > 1) return 'A parameter is sent more than once.'
    else if (value !== '') parsed[name] = value
  }
  return parsed
}

/** @throws if it is not UTF-8, or a `%` begins no byte. */
const decode = (text: string) => decodeURIComponent(text.replaceAll('+', ' '))

/** @param description must hold nothing of the request. */
const refused = (description: string) =>
  Object.assign(new Error(description), { statusCode: 400, code: 'HEIRLOOM_FORM_REFUSED' })
