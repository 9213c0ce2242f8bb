-- The index of each session in the status lists, and when its revocation got there: docs/decisions/0015.
SET LOCAL lock_timeout = '2s';

-- No row is rewritten: a new column without a default is instant, and the default is for new rows. Earlier sessions get their
-- index in the next migration.
CREATE SEQUENCE IF NOT EXISTS "families_status_index_seq" MINVALUE 0 START 0;
ALTER TABLE "families"
    ADD COLUMN IF NOT EXISTS "status_index" BIGINT,
    ADD COLUMN IF NOT EXISTS "listed_at" TIMESTAMPTZ(3);
ALTER TABLE "families" ALTER COLUMN "status_index" SET DEFAULT nextval('families_status_index_seq');
ALTER SEQUENCE "families_status_index_seq" OWNED BY "families"."status_index";

-- What revokes a row lists it, whatever statement or version does so. A refresh never calls it, nor does a revocation that was
-- there already: a restore merges all that Redis has.
CREATE OR REPLACE FUNCTION "families_list_revocation"() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    NEW."listed_at" := clock_timestamp();
    RETURN NEW;
END $$;
CREATE TRIGGER "families_list_revocation" BEFORE UPDATE OF "revoked_at" ON "families" FOR EACH ROW
    WHEN (NEW."revoked_at" IS NOT NULL AND NEW."revoked_at" IS DISTINCT FROM OLD."revoked_at")
    EXECUTE FUNCTION "families_list_revocation"();
CREATE TRIGGER "families_list_revoked" BEFORE INSERT ON "families" FOR EACH ROW
    WHEN (NEW."revoked_at" IS NOT NULL) EXECUTE FUNCTION "families_list_revocation"();

-- How long access tokens lived lately: a shorter ACCESS_TOKEN_TTL_SECONDS does not shorten those that were issued before.
CREATE TABLE "access_token_lifetimes" (
    "seconds" INTEGER NOT NULL,
    "used_at" TIMESTAMPTZ(3) NOT NULL,

    CONSTRAINT "access_token_lifetimes_pkey" PRIMARY KEY ("seconds")
);
