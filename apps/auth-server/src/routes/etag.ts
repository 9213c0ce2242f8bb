/** RFC 9110, section 13.1.2: `If-None-Match` is a list, compared weakly. */
export function matchesEtag(ifNoneMatch: string | undefined, etag: string): boolean {
  const opaque = (tag: string) => tag.trim().replace(/^W\//, '')
  const tags = (ifNoneMatch ?? '').split(',').map(opaque)
  return tags.includes(opaque(etag)) || tags.includes('*')
}
