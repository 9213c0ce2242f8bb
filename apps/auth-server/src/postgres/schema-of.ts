/**
 * The schema that `DATABASE_URL` names with `?schema=`, as Prisma's own tools read it, else `public`. What the session
 * would search by itself is not asked: the migrations and the server are to look in the same place.
 * @throws where it is no plain name: Prisma puts it into SQL as it is.
 */
export function schemaOf(databaseUrl: string): string {
  const schema = URL.parse(databaseUrl)?.searchParams.get('schema') || 'public'
  if (/^[\w-]{1,63}$/.test(schema)) return schema
  throw new Error('schema must be up to 63 letters, digits, _ and -')
}
