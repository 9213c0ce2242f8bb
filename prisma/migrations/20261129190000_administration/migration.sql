-- On large tables, create the indexes by hand first: here they would block registrations while they are built.
-- docs/guide/operate.md has the commands. The default is a constant, so no row is written.
SET LOCAL lock_timeout = '2s';

-- The next login of the user needs a new password.
ALTER TABLE "users" ADD COLUMN IF NOT EXISTS "password_change_required" BOOLEAN NOT NULL DEFAULT false;
-- As bytes, so that the beginning of a name is a range, whatever the collation of the database.
CREATE INDEX IF NOT EXISTS "users_username_key_bytes_idx" ON "users"("username_key" COLLATE "C");
