-- Nothing that a revocation changes is in an index any more, so that it stays in its page (heap-only), as a refresh does: an
-- update of an indexed column writes a new entry into every index of the table. docs/decisions/0019 has the measurements.
SET LOCAL lock_timeout = '2s';

-- It kept ended sessions out of the way of logins and lists; now a login bounds their number.
DROP INDEX IF EXISTS "families_not_revoked_idx";
