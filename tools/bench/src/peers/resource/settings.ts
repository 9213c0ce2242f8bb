/** What each of these services is told. They answer `GET /me` with `{"sub"}` of the token, and 401 to a bad one. */
const { ISSUER = '', JWKS_URI = '', AUDIENCE = '', PORT = '' } = process.env

export const issuer = ISSUER
export const jwksUri = JWKS_URI
export const audience = AUDIENCE
export const port = Number(PORT)
export const host = '127.0.0.1'
