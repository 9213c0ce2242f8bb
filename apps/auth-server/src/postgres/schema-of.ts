/**
 * The schema that `DATABASE_URL` names with `?schema=`, as for Prisma's own tools, or else `public`. The search path of the
 * session does not matter, so that the migrations and the server use the same schema.
 * @throws if it is not a plain name: Prisma puts it into SQL as it is.
 */
export function schemaOf(databaseUrl: string): string {
  const schema = URL.parse(databaseUrl)?.searchParams.get('schema') || 'public'
  if (/^[\w-]{1,63}$/.test(schema)) return schema
  throw new Error('schema must be up to 63 letters, digits, _ and -')
}
