import { createHash, randomBytes } from 'node:crypto'

export interface PageAnswer {
  status: number
  headers: Headers
  text: string
  /** Where it redirects to, or null. */
  location: string | null
}

/** As much of a browser as the pages need: cookies, and forms that go back with their hidden fields. */
export class Browser {
  readonly #origin: string
  readonly cookies = new Map<string, string>()

  constructor(origin: string) {
    this.#origin = origin
  }

  async get(path: string, headers: Record<string, string> = {}): Promise<PageAnswer> {
    return this.#send(path, { headers: { 'sec-fetch-site': 'cross-site', ...headers } })
  }

  /** Where the form of a page is posted to, and its hidden fields. */
  form({ status, text }: PageAnswer): { action: string; hidden: [name: string, value: string][] } {
    const form = /<form method="post" action="([^"]*)"/.exec(text)
    if (!form) throw new Error(`no form in ${status} ${text}`)
    const hidden = [...text.matchAll(/<input type="hidden" name="([^"]*)" value="([^"]*)"/g)]
    return {
      action: unescape(form[1] ?? ''),
      hidden: hidden.map(([, name = '', value = '']) => [unescape(name), unescape(value)]),
    }
  }

  /** Fills in the form of a page and posts it. If that leads to another page of the server, it goes there. */
  async submit(
    page: PageAnswer,
    fields: Record<string, string>,
    headers: Record<string, string> = {},
  ): Promise<PageAnswer> {
    const { action, hidden } = this.form(page)
    const body = new URLSearchParams(hidden)
    for (const [name, value] of Object.entries(fields)) body.set(name, value)
    const answer = await this.post(action, body, headers)
    return answer.location?.startsWith('/') ? this.get(answer.location) : answer
  }

  async post(path: string, body: URLSearchParams, headers: Record<string, string> = {}): Promise<PageAnswer> {
    const ofPage = { origin: this.#origin, 'sec-fetch-site': 'same-origin' }
    return this.#send(path, { method: 'POST', body, headers: { ...ofPage, ...headers } })
  }

  async #send(
    path: string,
    init: Omit<RequestInit, 'headers'> & { headers: Record<string, string> },
  ): Promise<PageAnswer> {
    const cookie = [...this.cookies].map(([name, value]) => `${name}=${value}`).join('; ')
    const response = await fetch(new URL(path, this.#origin), {
      ...init,
      redirect: 'manual',
      headers: { ...(cookie !== '' && { cookie }), ...init.headers },
    })
    for (const set of response.headers.getSetCookie()) {
      const [, name = '', value = ''] = /^([^=]+)=([^;]*)/.exec(set) ?? []
      if (/max-age=0|expires=Thu, 01 Jan 1970/i.test(set)) this.cookies.delete(name)
      else this.cookies.set(name, value)
    }
    const { status, headers } = response
    return { status, headers, text: await response.text(), location: headers.get('location') }
  }
}

const ENTITIES: Record<string, string> = { '&amp;': '&', '&lt;': '<', '&gt;': '>', '&quot;': '"', '&#39;': "'" }
const unescape = (text: string) => text.replaceAll(/&(amp|lt|gt|quot|#39);/g, (entity) => ENTITIES[entity] ?? entity)

export const pkce = () => {
  const verifier = randomBytes(32).toString('base64url')
  return { verifier, challenge: createHash('sha256').update(verifier).digest('base64url') }
}

/** The parameters of an answer that was redirected to the client. */
export function answerOf({ location }: PageAnswer): { to: string; parameters: Record<string, string> } {
  const [to = '', query = ''] = (location ?? '').split('?')
  return { to, parameters: Object.fromEntries(new URLSearchParams(query)) }
}

export const isConsent = ({ status, text }: PageAnswer) => status === 200 && text.includes('name="decision"')
