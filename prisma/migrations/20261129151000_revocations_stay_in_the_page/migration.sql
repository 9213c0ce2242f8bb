-- Nothing that a revocation changes is in an index any more, so that it stays in its page (heap-only), as a refresh does: an
-- update of an indexed column writes a new entry into every index of the table. docs/decisions/0019 has the measurements.
SET LOCAL lock_timeout = '2s';

-- It kept ended sessions out of the way of logins and lists; now a login bounds their number.
DROP INDEX IF EXISTS "families_not_revoked_idx";

-- What the status lists are read from: a row for each statement that revoked something. It outlives the sessions' rows.
CREATE TABLE "revocations" (
    "id" BIGSERIAL NOT NULL,
    "at" TIMESTAMPTZ(3) NOT NULL,
    "status_indexes" BIGINT[],

    CONSTRAINT "revocations_pkey" PRIMARY KEY ("id")
);
CREATE INDEX "revocations_at_idx" ON "revocations"("at");
INSERT INTO "revocations" ("at", "status_indexes")
    SELECT "listed_at", array_agg("status_index") FROM "families" WHERE "listed_at" IS NOT NULL GROUP BY "listed_at";
DROP TRIGGER "families_list_revocation" ON "families";
DROP TRIGGER "families_list_revoked" ON "families";
DROP FUNCTION "families_list_revocation"();
ALTER TABLE "families" DROP COLUMN "listed_at";

-- What revokes a row lists it, whatever statement or version does so, and when it is revoked again, too.
CREATE FUNCTION "families_list_revocations"() RETURNS trigger LANGUAGE plpgsql SET search_path FROM CURRENT AS $$
BEGIN
    INSERT INTO "revocations" ("at", "status_indexes")
        SELECT clock_timestamp(), array_agg("status_index") FROM "changed" WHERE "revoked_at" IS NOT NULL HAVING count(*) > 0;
    RETURN NULL;
END $$;
CREATE TRIGGER "families_list_inserted" AFTER INSERT ON "families"
    REFERENCING NEW TABLE AS "changed" FOR EACH STATEMENT EXECUTE FUNCTION "families_list_revocations"();
CREATE TRIGGER "families_list_updated" AFTER UPDATE ON "families"
    REFERENCING NEW TABLE AS "changed" FOR EACH STATEMENT EXECUTE FUNCTION "families_list_revocations"();
