-- On a large table, create the index by hand first: here it would block registrations and changes of accounts while it is
-- built. docs/guide/operate.md has the commands. The default is a constant, so no row is written.
SET LOCAL lock_timeout = '2s';

-- A user without a password logs in by other means. A server of before cannot read such a row: create none until all are new.
ALTER TABLE "users" ALTER COLUMN "password_hash" DROP NOT NULL;
-- As it was written, and as it is compared. Two users may have the same one.
ALTER TABLE "users" ADD COLUMN IF NOT EXISTS "email" TEXT;
ALTER TABLE "users" ADD COLUMN IF NOT EXISTS "email_key" TEXT;
-- A JSON object. rules/attributes.ts has its limits.
ALTER TABLE "users" ADD COLUMN IF NOT EXISTS "attributes" JSONB NOT NULL DEFAULT '{}';
-- SHA-256 of what `user import` read, so that another run of the same file knows its own users.
ALTER TABLE "users" ADD COLUMN IF NOT EXISTS "imported_sha256" BYTEA;
CREATE INDEX IF NOT EXISTS "users_email_key_idx" ON "users"("email_key" text_pattern_ops);
