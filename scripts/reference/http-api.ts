import { describedServer } from './auth-server.ts'
import { code, page, sentence, table } from './markdown.ts'

interface Schema {
  type?: string
  description?: string
  properties?: Record<string, Schema>
  required?: string[]
  items?: Schema
  anyOf?: Schema[]
  format?: string
  minLength?: number
  maxLength?: number
}

interface Operation {
  tags?: string[]
  summary?: string
  description?: string
  security?: object[]
  parameters?: { name: string; in: string; required?: boolean; schema?: Schema; description?: string }[]
  requestBody?: { content?: Record<string, { schema: Schema }> }
  responses?: Record<string, { content?: Record<string, { schema?: Schema }>; description?: string }>
}

/** docs/reference/http-api.md, from the OpenAPI document of the auth server. */
export async function httpApiPage(): Promise<string> {
  const { app } = await describedServer()
  const { paths = {} } = (await app.inject('/openapi.json')).json<{
    paths?: Record<string, Record<string, Operation>>
  }>()
  await app.close()
  const operations = Object.entries(paths).flatMap(([path, methods]) =>
    Object.entries(methods).map(([method, operation]) => ({ method: method.toUpperCase(), path, ...operation })),
  )
  if (operations.length === 0) throw new Error('the OpenAPI document has no operations')
  const shown = operations.filter(({ method }) => method !== 'HEAD')
  const tags = [...new Set(shown.map(({ tags: [tag = ''] = [] }) => tag))]
  return page(
    'HTTP API of the auth server',
    'A server shows the same at `/docs`, and as an OpenAPI document at `/openapi.json`, unless `DOCS` is `false`. Bodies ' +
      'are JSON; those of the calls under `/oauth2` are forms. A name with a question mark may be left out. Refusals have the body and the codes of [errors](errors.md).',
    ...tags.flatMap((tag) => [
      `## ${tag.charAt(0).toUpperCase()}${tag.slice(1)}`,
      ...shown
        .filter(({ tags: [own = ''] = [] }) => own === tag)
        .flatMap(({ method, path, ...operation }) => describe(method, path, operation)),
    ]),
  )
}

function describe(method: string, path: string, operation: Operation): string[] {
  const { summary, description, security, parameters = [], requestBody, responses = {} } = operation
  if (!summary) throw new Error(`${method} ${path} has no summary`)
  const inputs = [
    ...parameters.map(({ name, in: place, required, schema, description: text }) =>
      row(required ? name : `${name}?`, { ...schema, ...(text && { description: text }) }, place),
    ),
    ...fields(schemaIn(requestBody?.content)).map(([name, schema]) => row(name, schema, 'body')),
  ]
  const statuses = Object.keys(responses)
  const errors = statuses.filter((status) => Number(status) >= 400)
  return [
    `### ${method} ${path}`,
    `${sentence(summary)} ${description ? `${sentence(description)} ` : ''}${security ? '**Needs an access token.**' : ''}`.trim(),
    ...(inputs.length > 0 ? [table(['Input', 'Where', 'Type', 'What it is'], inputs)] : []),
    ...statuses
      .filter((status) => !errors.includes(status))
      .flatMap((status) => {
        const schema = schemaIn(responses[status]?.content)
        const answered = fields(schema).map(([name, field]) => row(name, field))
        return answered.length === 0
          ? [`Answers ${status} ${schema?.type === 'object' ? 'with an empty object' : 'without a body'}.`]
          : [`Answers ${status}:`, table(['Field', 'Type', 'What it is'], answered)]
      }),
    ...(errors.length > 0 ? [`Refuses with ${errors.join(', ')}.`] : []),
  ]
}

const schemaIn = (content: Record<string, { schema?: Schema }> | undefined) => Object.values(content ?? {})[0]?.schema

/** The members of a schema, and those of objects in its arrays, by path. */
const fields = (schema: Schema | undefined, path = ''): [name: string, schema: Schema][] =>
  Object.entries(schema?.properties ?? {}).flatMap(([name, field]) => [
    [`${path}${name}${schema?.required?.includes(name) ? '' : '?'}`, field],
    ...fields(field.items, `${path}${name}[].`),
  ])

function row(name: string, schema: Schema, ...place: string[]): string[] {
  if (!schema.description) throw new Error(`${name} has no description in its schema`)
  return [code(name), ...place, typeOf(schema), sentence(schema.description)]
}

function typeOf({ type, anyOf, format, items, minLength, maxLength }: Schema): string {
  const kind = format ?? type ?? (anyOf ?? []).map((one) => typeOf(one)).join(' or ')
  const length = maxLength === undefined ? '' : `, ${minLength ?? 0} to ${maxLength} characters`
  return `${kind}${items?.type ? ` of ${items.type}s` : ''}${length}`
}
