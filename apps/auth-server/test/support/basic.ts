/** RFC 6749, section 2.3.1: each half is encoded as in a form. */
export function basic(id: string, secret: string): { authorization: string } {
  const half = (text: string) => new URLSearchParams({ '': text }).toString().slice(1)
  return { authorization: `Basic ${Buffer.from(`${half(id)}:${half(secret)}`).toString('base64')}` }
}
