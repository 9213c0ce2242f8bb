import { Type } from 'typebox'

/** The one shape of every error answer: the code of RFC 6749, section 5.2, or RFC 6750, section 3.1, if one exists. */
export const ErrorBody = Type.Object({
  error: Type.String({ description: 'A stable code, for programs.' }),
  error_description: Type.String({ description: 'What is wrong, for the developer. The wording may change.' }),
})

/** All but the characters that RFC 6749, section 5.2, allows in a description. */
const NOT_ALLOWED = /[^\x20\x21\x23-\x5b\x5d-\x7e]/gu

/** @param description in ASCII. A double quote becomes a single one, and any other character that is not allowed a `?`. */
export const errorBody = (error: string, description: string) => ({
  error,
  error_description: description.replaceAll('"', "'").replace(NOT_ALLOWED, '?'),
})
