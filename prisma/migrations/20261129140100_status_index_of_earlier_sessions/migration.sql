-- On a large table, do all of this by hand first, the rows in steps and the index with CONCURRENTLY. docs/guide/operate.md has
-- the commands.
SET LOCAL lock_timeout = '2s';

UPDATE "families" SET "status_index" = nextval('families_status_index_seq') WHERE "status_index" IS NULL;

-- No index is given twice. It also finds the lists that have sessions.
CREATE UNIQUE INDEX IF NOT EXISTS "families_status_index_key" ON "families"("status_index");
