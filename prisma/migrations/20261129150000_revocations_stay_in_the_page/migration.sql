-- Nothing that a revocation changes is in an index any more, so that it stays in its page (heap-only), as a refresh does. With
-- this index, each revocation wrote a new entry into all the others. It kept ended sessions out of the way of logins and lists;
-- now a login bounds their number.
SET LOCAL lock_timeout = '2s';

DROP INDEX IF EXISTS "families_not_revoked_idx";
