import { inflateSync } from 'node:zlib'
import type { Service } from '@heirloom/local-stack'

const partOf = (jwt: string, part: 0 | 1) => JSON.parse(Buffer.from(jwt.split('.')[part] ?? '', 'base64url').toString())

export const headerOf = (jwt: string) => partOf(jwt, 0)
export const claimsOf = (jwt: string) => partOf(jwt, 1)

/** The bytes of a list, as a reader gets them. */
export const bitsOf = (list: string): Uint8Array =>
  inflateSync(Buffer.from(claimsOf(list).status_list.lst, 'base64url'))

/** Where an access token says that its status is. */
export function statusOf(accessToken: string): { idx: number; uri: string; path: string } {
  const { idx, uri } = claimsOf(accessToken).status.status_list
  return { idx, uri, path: new URL(uri).pathname }
}

/** Whether a server's list has the bit of an access token. */
export async function isListed({ service }: { service: Pick<Service, 'url'> }, accessToken: string): Promise<boolean> {
  const { idx, path } = statusOf(accessToken)
  const response = await fetch(service.url + path)
  if (response.status !== 200) throw new Error(`${path} answered ${response.status}`)
  const bits = bitsOf(await response.text())
  if (idx >= bits.length * 8) throw new Error('the list is too short')
  return (((bits[idx >>> 3] ?? 0) >>> (idx & 7)) & 1) === 1
}
