import { expect, it } from 'vitest'
import type { Case, startIssuer } from './issuer.ts'

type Issuer = Awaited<ReturnType<typeof startIssuer>>

/**
 * One test per case: the answer of a service to `GET /reports` with each of these tokens.
 * @param otherwise statuses of cases in which this library has to answer something else.
 */
export function checkAll(
  { cases, sub }: Issuer,
  url: () => string,
  otherwise: Partial<Record<keyof Issuer['cases'], number>> = {},
): void {
  const expected: Record<string, Case> = cases
  const different: Record<string, number> = otherwise
  it.each(Object.entries(expected))('%s', async (name, { token, status }) => {
    const headers = token === undefined ? {} : { authorization: `Bearer ${token}` }
    const answer = await fetch(`${url()}/reports`, { headers })
    expect(answer.status).toBe(different[name] ?? status)
    if (answer.ok) expect(await answer.json()).toEqual({ sub })
    else expect(await answer.text()).not.toContain('    at ') // a stack trace
  })
}
