import { defineConfig } from 'prisma/config'

export default defineConfig({
  schema: 'prisma/schema.prisma',
  migrations: { path: 'prisma/migrations' },
  // `prisma generate` needs no database; the commands that do name the missing variable themselves.
  datasource: { url: process.env['DATABASE_URL'] ?? '' },
})
