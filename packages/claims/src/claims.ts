/**
 * The claims of every access token (RFC 9068, section 2.2), of any issuer. Times are seconds since 1970 (RFC 7519, section 2,
 * NumericDate). A verifier returns these objects frozen.
 */
export interface AccessTokenClaims {
  /** The issuer's identifier, a URL. */
  readonly iss: string
  /** The audience: one resource service or several (RFC 7519, section 4.1.3). */
  readonly aud: string | readonly string[]
  /** The user, or the client itself if there is no user. */
  readonly sub: string
  /** The client that the token was issued to (RFC 8693, section 4.3). */
  readonly client_id: string
  /** This token's own id. */
  readonly jti: string
  readonly iat: number
  readonly exp: number
  /** The token is not valid before this time. Rarely present. */
  readonly nbf?: number
  /** When the user last authenticated. */
  readonly auth_time?: number
  /** Space-separated (RFC 8693, section 4.2, and RFC 6749, section 3.3). */
  readonly scope?: string
  /** Where the issuer says whether the token was revoked. */
  readonly status?: Status
  /** Any other claims of the issuer. They are not checked. */
  readonly [claim: string]: unknown
}

/** Token Status List, section "Referenced Token in JOSE". Other mechanisms may stand beside it, or instead. */
export interface Status {
  readonly status_list?: {
    /** The token's entry in the list, from 0. */
    readonly idx: number
    /** The address of the list, absolute, http or https. */
    readonly uri: string
  }
  readonly [mechanism: string]: unknown
}

/** The claims of Heirloom's auth server in a token of a user's session. */
export interface UserClaims extends AccessTokenClaims {
  /** The public id of the session, as in `GET /auth/sessions`. It is not part of any refresh token. */
  readonly sid: string
  readonly auth_time: number
  /** The user's roles when the token was issued (RFC 9068, section 2.2.3.1). Empty unless the client is first-party. */
  readonly roles: readonly string[]
}

/** The claims of Heirloom's auth server in a token of a client that acts for itself: `sub` is `client_id`. */
export interface ClientClaims extends AccessTokenClaims {
  readonly sid?: never
  readonly auth_time?: never
  readonly roles?: never
}

/** The claims of Heirloom's auth server. `claims.sid === undefined` tells a client from a user. */
export type HeirloomClaims = UserClaims | ClientClaims
