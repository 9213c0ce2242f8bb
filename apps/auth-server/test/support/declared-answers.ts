import { Check } from 'typebox/schema'

/** Whether a route declares this status in its schema, and a body of this form for it. */
export type Declared = (method: string, path: string, status: number, body: unknown) => boolean

/** What the shared app answers for a route: a wrong method, or an address that is too long, or a body of a wrong size or type. */
const OF_THE_APP = [405, 413, 414, 415]

interface Answer {
  content?: Record<string, { schema: object }>
}

export interface OpenApi {
  paths: Record<
    string,
    Record<
      string,
      {
        requestBody?: { content: Record<string, { schema: { properties?: Record<string, object> } }> }
        responses?: Record<string, Answer>
      }
    >
  >
}

/**
 * Reads what a server declares, so that every call of a test also checks that its answer is declared. Without the
 * documentation (`DOCS=off`) nothing is checked.
 */
export async function declaredAnswers(url: string): Promise<Declared> {
  const response = await fetch(`${url}/openapi.json`)
  if (!response.ok) return () => true
  const { paths } = (await response.json()) as OpenApi
  const patterns = Object.entries(paths).map(([path, methods]) => ({
    isOf: new RegExp(`^${path.replaceAll('.', '\\.').replace(/\{\w+\}/g, '[^/]+')}$`),
    methods,
  }))
  return (method, path, status, body) => {
    const address = path.replace(/\?.*/, '')
    const route = patterns.find(({ isOf }) => isOf.test(address))?.methods[method.toLowerCase()]
    // Not a route of the document.
    if (!route) return true
    const answers = route.responses ?? {}
    if (!Object.hasOwn(answers, String(status))) return OF_THE_APP.includes(status)
    const schema = answers[status]?.content?.['application/json']?.schema
    return schema === undefined || method === 'HEAD' || Check(schema, body)
  }
}
