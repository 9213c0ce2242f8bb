import { readFile } from 'node:fs/promises'
import type { IncomingMessage, ServerResponse } from 'node:http'
import { fileURLToPath } from 'node:url'
import { close, forward, listen, portOf } from './network.ts'

/** A web site: pages, the files of the client, and the resource service under /api, as a proxy gives them to browsers. */
export interface Site {
  /** Same-site with the auth server. */
  readonly origin: string
  /** The same site by another name, which no cookie of the auth server's site reaches. */
  readonly foreignOrigin: string
  /** The content of each path. */
  readonly files: Map<string, { type: string; content: string | Buffer }>
  leadTo(api: string): void
  close(): void
}

const BUNDLES = fileURLToPath(new URL('browser/', import.meta.resolve('@heirloom/client')))

export async function startSite(): Promise<Site> {
  const files: Site['files'] = new Map()
  let api = ''
  const server = await listen((request, response) => void answer(request, response).catch(() => response.destroy()))

  async function answer(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const [path = ''] = (request.url ?? '').split('?')
    if (path.startsWith('/api/')) {
      const upstream = await forward(request, api)
      response.writeHead(upstream.statusCode ?? 502, upstream.headers)
      return void upstream.pipe(response)
    }
    const bundle = /^\/heirloom\/([\w-]+\.m?js)$/.exec(path)?.[1]
    const file = bundle ? { type: 'text/javascript', content: await readFile(BUNDLES + bundle) } : files.get(path)
    if (!file) return void response.writeHead(404).end()
    response.setHeader('content-type', file.type).end(file.content)
  }

  return {
    origin: `http://127.0.0.1:${portOf(server)}`,
    foreignOrigin: `http://localhost:${portOf(server)}`,
    files,
    leadTo: (url) => void (api = url),
    close: () => close(server),
  }
}

/** A page whose script has the client by its package name. Its requests tell its address, and so which tab it is. */
export const page = (script: string, bundle = 'client') => ({
  type: 'text/html',
  content: `<!doctype html><meta charset="utf-8"><title>A page</title><link rel="icon" href="data:," />
<meta name="referrer" content="unsafe-url" />
<script type="importmap">{ "imports": { "@heirloom/client": "/heirloom/${bundle}.mjs" } }</script>
<body></body><script type="module">${script}</script>`,
})
