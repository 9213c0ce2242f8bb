const UUID = /^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/i

/** In any case. Postgres fails on another text where it expects one. */
export const isUuid = (text: string): boolean => UUID.test(text)
