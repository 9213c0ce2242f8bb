/** The settings of these services. They answer `GET /me` with the token's `{"sub"}`, and 401 if the token is invalid. */
const { ISSUER = '', JWKS_URI = '', AUDIENCE = '', PORT = '' } = process.env

export const issuer = ISSUER
export const jwksUri = JWKS_URI
export const audience = AUDIENCE
export const port = Number(PORT)
export const host = '127.0.0.1'
