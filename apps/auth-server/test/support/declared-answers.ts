/** Whether a route declares this status in its schema. */
export type Declared = (method: string, path: string, status: number) => boolean

/** What the shared app answers for a route: a wrong method, or a body of a wrong size or type. */
const OF_THE_APP = [405, 413, 415]

interface OpenApi {
  paths: Record<string, Record<string, { responses?: Record<string, unknown> }>>
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
  return (method, path, status) => {
    const address = path.replace(/\?.*/, '')
    const route = patterns.find(({ isOf }) => isOf.test(address))?.methods[method.toLowerCase()]
    // Not a route of the document.
    if (!route) return true
    return Object.hasOwn(route.responses ?? {}, String(status)) || OF_THE_APP.includes(status)
  }
}
