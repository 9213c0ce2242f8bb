SET LOCAL lock_timeout = '2s';

DROP TRIGGER "families_list_inserted" ON "families";
DROP TRIGGER "families_list_updated" ON "families";
DROP FUNCTION "families_list_revocations"();

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
