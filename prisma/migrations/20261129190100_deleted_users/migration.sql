-- On a large table, create the index by hand first: here it would block the writing of events while it is built.
SET LOCAL lock_timeout = '2s';

-- Who was deleted: no row is ever removed, so that a backup that has the user is recognised.
CREATE TABLE "deleted_users" (
    -- SHA-256 of the 16 bytes of the user's id.
    "id_sha256" BYTEA NOT NULL,
    "deleted_at" TIMESTAMPTZ(3) NOT NULL,
    -- What is still to be removed, in Redis above all; null once nothing is left.
    "user_id" UUID,
    "families" BYTEA[],
    "attempts" TEXT,

    CONSTRAINT "deleted_users_pkey" PRIMARY KEY ("id_sha256")
);
CREATE INDEX "deleted_users_unfinished_idx" ON "deleted_users"("deleted_at") WHERE "user_id" IS NOT NULL;

-- Events that name who caused them: those of administration, which are few.
CREATE INDEX IF NOT EXISTS "security_events_by_idx" ON "security_events"(("detail" ->> 'by')) WHERE ("detail" ->> 'by') IS NOT NULL;
