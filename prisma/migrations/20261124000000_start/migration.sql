CREATE TABLE "users" (
    "id" UUID NOT NULL DEFAULT gen_random_uuid(),
    "username" TEXT NOT NULL,
    "username_key" TEXT NOT NULL,
    "password_hash" TEXT NOT NULL,
    "roles" TEXT[],
    "disabled_at" TIMESTAMPTZ(3),
    "created_at" TIMESTAMPTZ(3) NOT NULL DEFAULT now(),
    "version" INTEGER NOT NULL DEFAULT 1,

    CONSTRAINT "users_pkey" PRIMARY KEY ("id")
);
CREATE UNIQUE INDEX "users_username_key_key" ON "users"("username_key");

-- Half of each page is left free: a refresh then writes its new version of the row beside the old one (heap-only),
-- and no index is touched.
CREATE TABLE "families" (
    "id" BYTEA NOT NULL,
    "sid" UUID NOT NULL,
    "user_id" UUID NOT NULL,
    "client_id" TEXT NOT NULL,
    "scope" TEXT NOT NULL,
    "device" TEXT,
    "ip" TEXT,
    "binding_key" TEXT,
    "created_at" TIMESTAMPTZ(3) NOT NULL,
    "expires_at" TIMESTAMPTZ(3) NOT NULL,
    "redeemed" BIGINT NOT NULL DEFAULT 0,
    "redeemed_at" TIMESTAMPTZ(3) NOT NULL,
    "late_repeated" BIGINT,
    "revoked_at" TIMESTAMPTZ(3),
    "revoked_reason" TEXT,

    CONSTRAINT "families_pkey" PRIMARY KEY ("id")
) WITH (fillfactor = 50);
CREATE UNIQUE INDEX "families_sid_key" ON "families"("sid");
CREATE INDEX "families_user_id_idx" ON "families"("user_id");
CREATE INDEX "families_expires_at_idx" ON "families"("expires_at");
ALTER TABLE "families" ADD CONSTRAINT "families_user_id_fkey"
    FOREIGN KEY ("user_id") REFERENCES "users"("id") ON DELETE CASCADE ON UPDATE CASCADE;

CREATE TABLE "signing_keys" (
    "kid" TEXT NOT NULL,
    "algorithm" TEXT NOT NULL,
    "public_jwk" JSONB NOT NULL,
    "private_encrypted" BYTEA NOT NULL,
    "created_at" TIMESTAMPTZ(3) NOT NULL,
    "signs_from" TIMESTAMPTZ(3) NOT NULL,

    CONSTRAINT "signing_keys_pkey" PRIMARY KEY ("kid")
);
CREATE INDEX "signing_keys_signs_from_idx" ON "signing_keys"("signs_from");

CREATE TABLE "redis_trust" (
    "id" INTEGER NOT NULL DEFAULT 1,
    "epoch" BIGINT NOT NULL DEFAULT 1,
    "run_id" TEXT NOT NULL DEFAULT '',
    "suspended_until" TIMESTAMPTZ(3),

    CONSTRAINT "redis_trust_pkey" PRIMARY KEY ("id")
);
INSERT INTO "redis_trust" DEFAULT VALUES;

CREATE TABLE "security_events" (
    "id" BIGSERIAL NOT NULL,
    "at" TIMESTAMPTZ(3) NOT NULL,
    "type" TEXT NOT NULL,
    "user_id" UUID,
    "sid" UUID,
    "detail" JSONB NOT NULL,

    CONSTRAINT "security_events_pkey" PRIMARY KEY ("id")
);
CREATE INDEX "security_events_user_id_at_idx" ON "security_events"("user_id", "at");
CREATE INDEX "security_events_at_idx" ON "security_events"("at");
