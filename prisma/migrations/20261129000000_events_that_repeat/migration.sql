ALTER TABLE "security_events"
    ADD COLUMN "repeat_key" TEXT,
    ADD COLUMN "times" BIGINT NOT NULL DEFAULT 1;
CREATE UNIQUE INDEX "security_events_repeat_key_key" ON "security_events"("repeat_key");
