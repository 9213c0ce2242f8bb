# syntax=docker/dockerfile:1
# Both services are built from this: docker build --build-arg APP=auth-server . (or resource-api)
ARG APP=auth-server

FROM node:26-slim AS base
WORKDIR /app

# The manifests alone: as long as they stay the same, what they install comes from the cache.
FROM base AS manifests
COPY . .
RUN find . -type f ! -name package.json ! -name package-lock.json -delete && find . -type d -empty -delete

FROM base AS build
COPY --from=manifests /app ./
RUN --mount=type=cache,target=/root/.npm npm ci --no-audit --no-fund
COPY . .
# What runs brings node_modules of its own.
RUN TURBO_TELEMETRY_DISABLED=1 npx turbo run build && rm -rf node_modules */*/node_modules

FROM manifests AS auth-server
# Prisma's client names Prisma's command line as an optional peer, which would come with 250 MB that nothing here uses.
RUN --mount=type=cache,target=/root/.npm \
    npm ci --no-audit --no-fund --omit=dev --legacy-peer-deps --workspace=apps/auth-server
COPY --from=build /app/prisma ./prisma
COPY --from=build /app/realm.example.yaml ./
COPY --from=build /app/packages ./packages
COPY --from=build /app/apps/auth-server ./apps/auth-server

# One file, with all that it depends on in it.
FROM base AS resource-api
COPY --from=build /app/apps/resource-api/package.json ./apps/resource-api/
COPY --from=build /app/apps/resource-api/dist ./apps/resource-api/dist

FROM ${APP}
ARG APP
ARG PORT=4000
RUN mkdir .cache && chown node .cache
USER node
ENV NODE_ENV=production APP=${APP} PORT=${PORT} NODE_COMPILE_CACHE=/app/.cache
# What the modules compile to comes with the image: a start takes less CPU, and the process less memory, as it need not load
# what strips types. The program stops for want of settings, but not before it has loaded everything.
RUN node apps/${APP} 2>&1 | grep 'ISSUER is missing'
# What is compiled is code: who runs it may not write it. The root file system may be read-only.
USER root
RUN chown -R root:root .cache && chmod -R a+rX .cache
USER node
EXPOSE ${PORT}
# Whether the process answers. Whether its stores do is /readyz, which is for what routes traffic here.
HEALTHCHECK --interval=10s --timeout=3s --start-period=20s CMD \
  ["node", "--eval", "fetch(`http://127.0.0.1:${process.env.PORT}/livez`).then(({ ok }) => process.exit(ok ? 0 : 1), () => process.exit(1))"]
CMD ["sh", "-c", "exec node apps/${APP}"]
