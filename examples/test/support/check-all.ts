import { expect, it } from 'vitest'
import type { Case, startIssuer } from './issuer.ts'

type Issuer = Awaited<ReturnType<typeof startIssuer>>

/**
 * A test a case: what a service of any make answers to `GET /reports` with each of these tokens.
 * @param otherwise statuses where this make cannot but answer something else.
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
