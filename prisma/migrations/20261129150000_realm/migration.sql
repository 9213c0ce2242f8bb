CREATE TABLE "resources" (
    "id" TEXT NOT NULL,
    "name" TEXT NOT NULL,
    -- Not jsonb: the order of the scopes is that of a consent page.
    "scopes" JSON NOT NULL,
    "introspectors" TEXT[] NOT NULL,
    "access_token_ttl_seconds" INTEGER,

    CONSTRAINT "resources_pkey" PRIMARY KEY ("id")
);

CREATE TABLE "roles" (
    "name" TEXT NOT NULL,
    "scopes" TEXT[] NOT NULL,

    CONSTRAINT "roles_pkey" PRIMARY KEY ("name")
);

CREATE TABLE "clients" (
    "id" TEXT NOT NULL,
    "name" TEXT NOT NULL,
    "auth" TEXT NOT NULL,
    "secret_sha256" TEXT[] NOT NULL,
    "redirect_uris" TEXT[] NOT NULL,
    "grants" TEXT[] NOT NULL,
    "resources" TEXT[] NOT NULL,
    "scopes" TEXT[] NOT NULL,
    "origins" TEXT[] NOT NULL,
    "first_party" BOOLEAN NOT NULL,
    "access_token_ttl_seconds" INTEGER,
    "refresh_idle_ttl_seconds" INTEGER,
    "refresh_absolute_ttl_seconds" INTEGER,
    "refresh_grace_seconds" INTEGER,
    "refresh_late_repeat_gap" TEXT,
    "disabled" BOOLEAN NOT NULL,
    "ended_before" TIMESTAMPTZ(3),

    CONSTRAINT "clients_pkey" PRIMARY KEY ("id")
);

CREATE TABLE "realm" (
    "id" INTEGER NOT NULL DEFAULT 1,
    "version" BIGINT NOT NULL DEFAULT 0,
    "default_client" TEXT,
    "default_roles" TEXT[] NOT NULL DEFAULT '{}',
    "predates_realm" BOOLEAN NOT NULL DEFAULT false,

    CONSTRAINT "realm_pkey" PRIMARY KEY ("id")
);
-- A database in which a server has made a key was served by AUDIENCE and CLIENT_IDS until now.
INSERT INTO "realm" ("predates_realm") SELECT EXISTS (SELECT FROM "signing_keys");
