SET LOCAL lock_timeout = '2s';

-- Ids of clients that were removed: no row is ever removed, so that a client that is added under one of them again does not
-- inherit what was issued to the one before.
CREATE TABLE "removed_clients" (
    "id" TEXT NOT NULL,

    CONSTRAINT "removed_clients_pkey" PRIMARY KEY ("id")
);
