import type { ProtectedResource } from './protected-resource.ts'

export interface MetadataAnswer {
  readonly status: 200 | 204 | 405
  /** Names in lower case, as in node:http and Fastify. */
  readonly headers: Readonly<Record<string, string>>
  readonly body: string
}

/** Clients that run in a page of any origin may read it: it is public, and the same for all. */
const ANY_ORIGIN = { 'access-control-allow-origin': '*' }

/**
 * The answer to a request for the metadata, or undefined if it is for something else.
 * @param path without the query.
 */
export function answerMetadata(
  { metadata, metadataPaths }: ProtectedResource,
  method: string,
  path: string,
): MetadataAnswer | undefined {
  if (!metadataPaths.includes(path)) return undefined
  switch (method) {
    case 'GET':
    case 'HEAD':
      return {
        status: 200,
        headers: { ...ANY_ORIGIN, 'content-type': 'application/json', 'cache-control': 'public, max-age=300' },
        body: JSON.stringify(metadata),
      }
    case 'OPTIONS':
      // MCP clients send a header of their own, so browsers ask first.
      return {
        status: 204,
        headers: {
          ...ANY_ORIGIN,
          'access-control-allow-methods': 'GET, HEAD',
          'access-control-allow-headers': '*',
          'access-control-max-age': '86400',
        },
        body: '',
      }
    default:
      return { status: 405, headers: { ...ANY_ORIGIN, allow: 'GET, HEAD, OPTIONS' }, body: '' }
  }
}
