import { STATUS_OF } from '../../apps/auth-server/src/routes/answers.ts'
import { answerRefusal } from '../../packages/verifier/src/answer-refusal.ts'
import type { RefusalCode } from '../../packages/verifier/src/refusal.ts'
import { code, page, table } from './markdown.ts'
import { commentedWords, source, sources } from './source.ts'

interface WireError {
  word: string
  comment: string
  status: string
}

const SERVICE_COMMENT = /^([\d, ]+)\. (.*)$/s

/** docs/reference/errors.md. @throws if the source answers with a code that has no description. */
export function errorsPage(): string {
  const everywhere = commentedWords(source('packages/http-service/src/error-body.ts'), 'CommonErrorCode').map(
    ({ word, comment }) => {
      const [, status = '', rest = comment] = SERVICE_COMMENT.exec(comment) ?? []
      return { word, status, comment: rest }
    },
  )
  const server = commentedWords(source('apps/auth-server/src/services/refusal.ts'), 'RefusalCode').map((one) => ({
    ...one,
    status: String(STATUS_OF[one.word as keyof typeof STATUS_OF]),
  }))
  const refusals = commentedWords(source('packages/verifier/src/refusal.ts'), 'RefusalCode').map((one) => ({
    ...one,
    answer: answerRefusal({ ok: false, code: one.word as RefusalCode, description: '' }),
  }))
  const bearer = commentedWords(source('packages/verifier/src/answer-refusal.ts'), 'BearerErrorCode').map((one) => ({
    ...one,
    status: String(refusals.find(({ answer }) => answer.body.error === one.word)?.answer.status),
  }))
  const client = commentedWords(source('packages/client/src/client-error.ts'), 'ClientErrorCode')
  const authorize = commentedWords(source('apps/auth-server/src/rules/authorize-request.ts'), 'AuthorizeError').map(
    (one) => ({ ...one, status: '303' }),
  )
  checkComplete([...everywhere, ...server, ...authorize, ...bearer])
  return page(
    'Errors',
    'Every error answer has the body `{"error", "error_description"}`. A program reads `error`, which is stable. A ' +
      'developer reads `error_description`, whose text may change.',
    '## The auth server',
    wireTable(server),
    '## The authorization endpoint',
    'The client finds these among the parameters of its redirect URI, with `iss` and its `state` (RFC 6749, section 4.1.2.1).',
    wireTable(authorize),
    '## Every service',
    wireTable(everywhere),
    '## Calls that need an access token',
    'Resource services answer these too, with the challenge of RFC 6750, section 3, in `WWW-Authenticate`.',
    wireTable(bearer),
    '## `@heirloom/verifier`',
    'The codes of `Refusal`, for logs and counters, with what the client of the service is answered.',
    table(
      ['Code', 'Meaning', 'Answer'],
      refusals.map(({ word, comment, answer }) => [code(word), comment, `${answer.status} ${code(answer.body.error)}`]),
    ),
    '## `@heirloom/client`',
    'The codes of `ClientError`.',
    table(
      ['Code', 'Meaning'],
      client.map(({ word, comment }) => [code(word), comment]),
    ),
  )
}

function wireTable(errors: readonly WireError[]): string {
  return table(
    ['Code', 'Status', 'Meaning', 'What a client does'],
    errors.map(({ word, status, comment }) => {
      const [meaning, action] = comment.split(' Client: ')
      if (!meaning || !action) throw new Error(`the comment of '${word}' does not say what a client does`)
      return [code(word), status, meaning, action.charAt(0).toUpperCase() + action.slice(1)]
    }),
  )
}

function checkComplete(known: readonly WireError[]): void {
  const words = new Set(known.map(({ word }) => word))
  const texts = sources('apps/auth-server/src', 'apps/resource-api/src', 'packages/http-service/src')
  for (const text of texts)
    for (const [, word = ''] of text.matchAll(/(?:\berror: |errorBody\(|\brefuse\()'(\w+)'/g))
      if (!words.has(word)) throw new Error(`the error '${word}' has no description in the source`)
}
