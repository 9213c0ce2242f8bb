-- On a large table, create the index by hand first: here it would block logins and refreshes while it is built.
-- docs/guide/operate.md has the commands.
SET LOCAL lock_timeout = '2s';

-- The browser's session at the pages that a session was opened from; its first generation is then an authorization code.
ALTER TABLE "families" ADD COLUMN IF NOT EXISTS "parent" UUID;
-- When the user logged in, if that was before the session was opened.
ALTER TABLE "families" ADD COLUMN IF NOT EXISTS "auth_time" TIMESTAMPTZ(3);
-- To find codes that nobody redeemed. What a refresh changes is in no index, so `redeemed` is not in its condition.
CREATE INDEX IF NOT EXISTS "families_opened_by_code_idx" ON "families"("created_at") WHERE "parent" IS NOT NULL;

-- What a user has allowed an application. A scope belongs to one resource, so two lists say it.
CREATE TABLE "consents" (
    "id" UUID NOT NULL DEFAULT gen_random_uuid(),
    "user_id" UUID NOT NULL,
    "client_id" TEXT NOT NULL,
    "resources" TEXT[] NOT NULL,
    "scopes" TEXT[] NOT NULL,
    "created_at" TIMESTAMPTZ(3) NOT NULL DEFAULT now(),

    CONSTRAINT "consents_pkey" PRIMARY KEY ("id")
);
CREATE UNIQUE INDEX "consents_user_id_client_id_key" ON "consents"("user_id", "client_id");
ALTER TABLE "consents" ADD CONSTRAINT "consents_user_id_fkey"
    FOREIGN KEY ("user_id") REFERENCES "users"("id") ON DELETE CASCADE ON UPDATE CASCADE;
-- Another client that later gets the id of a removed one inherits nothing.
ALTER TABLE "consents" ADD CONSTRAINT "consents_client_id_fkey"
    FOREIGN KEY ("client_id") REFERENCES "clients"("id") ON DELETE CASCADE ON UPDATE CASCADE;
CREATE INDEX "consents_client_id_idx" ON "consents"("client_id");
