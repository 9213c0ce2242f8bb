-- On a large table, create the index by hand first: here it would block logins and refreshes while it is built.
-- docs/guide/operate.md has the commands.
SET LOCAL lock_timeout = '2s';

-- The browser's session at the pages that a session was opened from; its first generation is then an authorization code.
ALTER TABLE "families" ADD COLUMN IF NOT EXISTS "parent" UUID;
-- When the user logged in, if that was before the session was opened.
ALTER TABLE "families" ADD COLUMN IF NOT EXISTS "auth_time" TIMESTAMPTZ(3);
-- To find codes that nobody redeemed. What a refresh changes is in no index, so `redeemed` is not in its condition.
CREATE INDEX IF NOT EXISTS "families_opened_by_code_idx" ON "families"("created_at") WHERE "parent" IS NOT NULL;
