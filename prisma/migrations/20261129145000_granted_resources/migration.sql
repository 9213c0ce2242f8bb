SET LOCAL lock_timeout = '2s';

-- The resources that a session was granted. Null in one from before: what its client may ask for now.
ALTER TABLE "families" ADD COLUMN "resources" TEXT;
