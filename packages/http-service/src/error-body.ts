import { Type } from 'typebox'

/** The one shape of every error answer: the code of RFC 6749, section 5.2, or RFC 6750, section 3.1, where one exists. */
export const ErrorBody = Type.Object({
  error: Type.String({ description: 'Stable code, for programs.' }),
  error_description: Type.String({ description: 'What is wrong, for the developer. May change.' }),
})

export const errorBody = (error: string, description: string) => ({ error, error_description: description })
