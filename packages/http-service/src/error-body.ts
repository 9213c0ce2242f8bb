import { Type } from 'typebox'

/**
 * The codes that any service may answer with. The comment of each is on the reference page: its statuses, its meaning,
 * then what a client does.
 */
type CommonErrorCode =
  /** 400, 408, 413, 414, 415, 417, 431. The request is malformed, too large, too slow or not JSON. Client: correct the request. */
  | 'invalid_request'
  /** 404. There is nothing at this address. Client: correct the address. */
  | 'not_found'
  /** 405. The address does not take this method. Client: use a method that `Allow` names. */
  | 'method_not_allowed'
  /** 500. Something failed that an operator has to correct; it is in the log. Client: do not retry soon. */
  | 'server_error'
  /** 503. The service could not decide now. Client: keep the session, and send the same request again after `Retry-After`. */
  | 'temporarily_unavailable'
  /** 503. `/readyz` only: the service should get no traffic, for the reasons given. Client: ask again after `Retry-After`. */
  | 'not_ready'
  /** 499. In the log only: the client closed the connection before the answer. Client: nothing. */
  | 'client_gone'

/** The one shape of every error answer: the code of RFC 6749, section 5.2, or RFC 6750, section 3.1, if one exists. */
export const ErrorBody = Type.Object({
  error: Type.String({ description: 'A stable code, for programs.' }),
  error_description: Type.String({ description: 'What is wrong, for the developer. The wording may change.' }),
})

/** All but the characters that RFC 6749, section 5.2, allows in a description. */
const NOT_ALLOWED = /[^\x20\x21\x23-\x5b\x5d-\x7e]/gu

/** @param description in ASCII. A double quote becomes a single one, and any other character that is not allowed a `?`. */
export const errorBody = (error: CommonErrorCode | (string & Record<never, never>), description: string) => ({
  error,
  error_description: description.replaceAll('"', "'").replace(NOT_ALLOWED, '?'),
})
