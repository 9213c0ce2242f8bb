-- What decides about a login, read under a lock on the account. Each statement of a volatile function sees what was committed
-- while those before it waited, so a login needs one trip for what took a transaction of six. The policy is not here.
CREATE FUNCTION "login_facts"(
    of_user UUID, sessions INTEGER, logins INTEGER, max_surplus INTEGER, revoked_kept INTEGER,
    OUT account JSONB, OUT at TIMESTAMPTZ, OUT earlier_login_at TIMESTAMPTZ, OUT surplus JSON, OUT keeps_too_many BOOLEAN
) RETURNS SETOF RECORD LANGUAGE plpgsql ROWS 1 SET search_path FROM CURRENT AS $$
BEGIN
    -- Excludes logins and changes of the same user. Inserts that reference the row do not wait for this lock.
    SELECT to_jsonb(u) - 'imported_sha256' INTO account FROM users AS u WHERE u.id = of_user FOR NO KEY UPDATE;
    IF NOT FOUND THEN
        RETURN;
    END IF;
    at := date_trunc('milliseconds', clock_timestamp());
    SELECT f.created_at INTO earlier_login_at FROM families AS f WHERE f.user_id = of_user
        ORDER BY f.created_at DESC OFFSET logins - 1 LIMIT 1;
    SELECT json_agg(s) INTO surplus FROM (
        SELECT encode(f.id, 'hex') AS id, f.sid, f.status_index, (extract(epoch FROM f.expires_at) * 1000)::bigint AS expires_at
        FROM families AS f
        WHERE f.user_id = of_user AND f.revoked_at IS NULL AND f.expires_at > at AND (f.parent IS NULL OR f.redeemed > 0)
        ORDER BY f.redeemed_at DESC, f.id OFFSET sessions - 1 LIMIT max_surplus) AS s;
    keeps_too_many := EXISTS (
        SELECT FROM families AS f WHERE f.user_id = of_user AND f.revoked_at IS NOT NULL OFFSET revoked_kept);
    RETURN NEXT;
END $$;
