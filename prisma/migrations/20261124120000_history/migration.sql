CREATE TABLE "history" (
    "id" INTEGER NOT NULL DEFAULT 1,
    "position" BIGINT NOT NULL DEFAULT 0,
    "mark" TEXT NOT NULL DEFAULT '',
    "is_lost" BOOLEAN NOT NULL DEFAULT false,

    CONSTRAINT "history_pkey" PRIMARY KEY ("id")
);
INSERT INTO "history" DEFAULT VALUES;
