-- On a large table, make both indexes by hand first (CREATE INDEX CONCURRENTLY): here each would block logins and refreshes
-- while it is built. docs/guide/operate.md has the commands.
SET LOCAL lock_timeout = '2s';

-- All sessions of a user in the order of their logins: a page of them, and the logins of the last minutes.
CREATE INDEX IF NOT EXISTS "families_user_id_created_at_idx" ON "families"("user_id", "created_at");
-- Those that were not ended. A refresh changes no column of it, so that its updates stay heap-only; a revocation does.
CREATE INDEX IF NOT EXISTS "families_not_revoked_idx" ON "families"("user_id", "created_at", "sid")
    WHERE "revoked_at" IS NULL;
-- The first of the new ones begins with the same column.
DROP INDEX "families_user_id_idx";
