-- A command that ends a client's sessions may be interrupted. The next one that changes the realm goes on by this.
SET LOCAL lock_timeout = '2s';

ALTER TABLE "clients" ADD COLUMN "is_ending" BOOLEAN NOT NULL DEFAULT false;
-- Of a command that was interrupted before there was this column.
UPDATE "clients" SET "is_ending" = true WHERE "disabled" AND "ended_before" IS NOT NULL;
