SET LOCAL lock_timeout = '2s';

-- How long the tokens of a key may live, as far as any server knew while it signed.
ALTER TABLE "signing_keys" ADD COLUMN "retire_ms" INTEGER NOT NULL DEFAULT 0;
