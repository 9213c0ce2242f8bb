-- The index of each session in the status lists, and what the lists are made from: docs/decisions/0015.
SET LOCAL lock_timeout = '2s';

-- No row is rewritten: a new column without a default is instant, and the default is for new rows. Earlier sessions get their
-- index in the next migration.
CREATE SEQUENCE IF NOT EXISTS "families_status_index_seq" MINVALUE 0 START 0;
ALTER TABLE "families" ADD COLUMN IF NOT EXISTS "status_index" BIGINT;
ALTER TABLE "families" ALTER COLUMN "status_index" SET DEFAULT nextval('families_status_index_seq');
ALTER SEQUENCE "families_status_index_seq" OWNED BY "families"."status_index";

-- A row for each statement that revoked something. It outlives the sessions' rows.
CREATE TABLE "revocations" (
    "id" BIGSERIAL NOT NULL,
    "at" TIMESTAMPTZ(3) NOT NULL,
    "status_indexes" BIGINT[],

    CONSTRAINT "revocations_pkey" PRIMARY KEY ("id")
);
CREATE INDEX "revocations_at_idx" ON "revocations"("at");

-- What revokes a row lists it, whatever statement or version does so. A refresh lists nothing, nor does a revocation that was
-- there already: a restore merges all that Redis has. (Not a join: Postgres knows nothing of the sizes and would plan it badly.)
CREATE FUNCTION "families_list_updated"() RETURNS trigger LANGUAGE plpgsql SET search_path FROM CURRENT AS $$
BEGIN
    INSERT INTO "revocations" ("at", "status_indexes")
        SELECT clock_timestamp(), array_agg("status_index") FROM (
            SELECT "status_index", "revoked_at" FROM "after" WHERE "revoked_at" IS NOT NULL
            EXCEPT SELECT "status_index", "revoked_at" FROM "before" WHERE "revoked_at" IS NOT NULL) AS "revoked"
        HAVING count(*) > 0;
    RETURN NULL;
END $$;
CREATE TRIGGER "families_list_updated" AFTER UPDATE ON "families"
    REFERENCING OLD TABLE AS "before" NEW TABLE AS "after" FOR EACH STATEMENT EXECUTE FUNCTION "families_list_updated"();
CREATE FUNCTION "families_list_inserted"() RETURNS trigger LANGUAGE plpgsql SET search_path FROM CURRENT AS $$
BEGIN
    INSERT INTO "revocations" ("at", "status_indexes") VALUES (clock_timestamp(), ARRAY[NEW."status_index"]);
    RETURN NULL;
END $$;
CREATE TRIGGER "families_list_inserted" AFTER INSERT ON "families" FOR EACH ROW
    WHEN (NEW."revoked_at" IS NOT NULL) EXECUTE FUNCTION "families_list_inserted"();

-- How long access tokens lived lately: a shorter ACCESS_TOKEN_TTL_SECONDS does not shorten those that were issued before.
CREATE TABLE "access_token_lifetimes" (
    "seconds" INTEGER NOT NULL,
    "used_at" TIMESTAMPTZ(3) NOT NULL,

    CONSTRAINT "access_token_lifetimes_pkey" PRIMARY KEY ("seconds")
);
