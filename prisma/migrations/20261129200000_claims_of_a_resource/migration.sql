SET LOCAL lock_timeout = '2s';

-- Which attributes of a user become claims of this resource's tokens: the claim, and the attribute.
ALTER TABLE "resources" ADD COLUMN IF NOT EXISTS "claims" JSON NOT NULL DEFAULT '{}';
