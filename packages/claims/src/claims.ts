/**
 * What every access token says (RFC 9068, section 2.2), whoever issued it. Times are seconds since 1970 (RFC 7519,
 * section 2, NumericDate). A verifier hands these objects out frozen.
 */
export interface AccessTokenClaims {
  /** Who issued the token: the issuer's identifier, a URL. */
  readonly iss: string
  /** For whom it is: one resource service or several (RFC 7519, section 4.1.3). */
  readonly aud: string | readonly string[]
  /** Whose it is: the user, or the client itself where there is no user. */
  readonly sub: string
  /** The client that it was issued to (RFC 8693, section 4.3). */
  readonly client_id: string
  /** This token's own id. */
  readonly jti: string
  readonly iat: number
  readonly exp: number
  /** Not valid before this time. Rarely there. */
  readonly nbf?: number
  /** When the user last proved who they are. */
  readonly auth_time?: number
  /** Space-separated (RFC 8693, section 4.2, and RFC 6749, section 3.3). */
  readonly scope?: string
  /** Whatever else the issuer put in: unchecked. */
  readonly [claim: string]: unknown
}

/** What Heirloom's auth server says on top. */
export interface HeirloomClaims extends AccessTokenClaims {
  /** The public id of the session, as in `GET /auth/sessions`. It is not part of any refresh token. */
  readonly sid: string
  readonly auth_time: number
  readonly scope: string
  /** The user's roles when the token was issued (RFC 9068, section 2.2.3.1). */
  readonly roles: readonly string[]
}
