# Images of Ocelli, one target per service, and `all` for everything in one process:
#
#   docker build --target gateway --tag ocelli-gateway .
#
# The tag of the base is exact, but a tag can be moved. A release names the digest, too:
#
#   docker build --build-arg NODE_DIGEST=sha256:… --sbom=true --provenance=mode=max …
#
# MODELS=mounted leaves the weights out; mount a folder with a manifest and set OCELLI_MODELS to it.
ARG NODE_IMAGE=node:24.21.0-bookworm-slim
ARG NODE_DIGEST=
ARG MODELS=baked

FROM ${NODE_IMAGE}${NODE_DIGEST:+@${NODE_DIGEST}} AS node

# What is installed follows from these files alone; the layers of dependencies last as long as they do.
FROM node AS manifests
ENV CI=true
WORKDIR /app
COPY deploy/image /build/
COPY package.json pnpm-lock.yaml pnpm-workspace.yaml ./
COPY cli/package.json cli/
COPY gateway/package.json gateway/
COPY models/starter/package.json models/starter/
COPY packages/analysis/package.json packages/analysis/
COPY packages/chassis/package.json packages/chassis/
COPY packages/contracts/package.json packages/contracts/
COPY packages/embedded-database/package.json packages/embedded-database/
COPY packages/inference/package.json packages/inference/
COPY packages/testkit/package.json packages/testkit/
COPY services/auth/package.json services/auth/
COPY services/captioning/package.json services/captioning/
COPY services/face/package.json services/face/
COPY services/library/package.json services/library/
COPY services/scene/package.json services/scene/
COPY services/search/package.json services/search/

# Production dependencies of one service and nothing else. No package may run a script of its own.
FROM manifests AS gateway-deps
RUN --mount=type=cache,target=/root/.local/share/pnpm/store \
    npx --yes pnpm@12.21.0 install --prod --frozen-lockfile --ignore-scripts --filter @ocelli/cli \
      --filter-prod "@ocelli/gateway..." \
    && node ../build/prune.mts && node ../build/write-sbom.mts

FROM manifests AS auth-deps
RUN --mount=type=cache,target=/root/.local/share/pnpm/store \
    npx --yes pnpm@12.21.0 install --prod --frozen-lockfile --ignore-scripts --filter @ocelli/cli \
      --filter-prod "@ocelli/auth..." \
      --filter-prod "@ocelli/embedded-database..." \
    && node ../build/prune.mts && node ../build/write-sbom.mts

FROM manifests AS library-deps
RUN --mount=type=cache,target=/root/.local/share/pnpm/store \
    npx --yes pnpm@12.21.0 install --prod --frozen-lockfile --ignore-scripts --filter @ocelli/cli \
      --filter-prod "@ocelli/library..." \
      --filter-prod "@ocelli/embedded-database..." \
    && node ../build/prune.mts && node ../build/write-sbom.mts

# The four that run models differ by little: one layer for all of them is stored and pulled once.
FROM manifests AS analysis-deps
RUN --mount=type=cache,target=/root/.local/share/pnpm/store \
    npx --yes pnpm@12.21.0 install --prod --frozen-lockfile --ignore-scripts --filter @ocelli/cli \
      --filter-prod "@ocelli/captioning..." \
      --filter-prod "@ocelli/face..." \
      --filter-prod "@ocelli/scene..." \
      --filter-prod "@ocelli/search..." \
      --filter-prod "@ocelli/embedded-database..." \
    && node ../build/prune.mts && node ../build/write-sbom.mts

FROM manifests AS all-deps
RUN --mount=type=cache,target=/root/.local/share/pnpm/store \
    npx --yes pnpm@12.21.0 install --prod --frozen-lockfile --ignore-scripts --filter @ocelli/cli \
      --filter-prod "@ocelli/cli..." \
    && node ../build/prune.mts && node ../build/write-sbom.mts

FROM scratch AS common-source
COPY LICENSE NOTICE /app/
COPY cli /app/cli/
COPY packages/chassis /app/packages/chassis/
COPY packages/contracts /app/packages/contracts/
COPY packages/embedded-database /app/packages/embedded-database/

FROM common-source AS analysis-source
COPY packages/inference /app/packages/inference/
COPY packages/analysis /app/packages/analysis/

FROM scratch AS models-baked
COPY models/starter /models/starter/

FROM scratch AS models-mounted
COPY models/starter/package.json models/starter/manifest.json /models/starter/

FROM models-${MODELS} AS models

# Node and nothing to install with. The user is a number, so that Kubernetes can tell that it is not root.
FROM node AS runtime
RUN rm -rf /usr/local/lib/node_modules /usr/local/bin/npm /usr/local/bin/npx /usr/local/bin/corepack \
      /usr/local/bin/yarn /usr/local/bin/yarnpkg /opt/yarn-* \
    && install --directory --owner=65532 --group=65532 --mode=700 /data /backups \
    && install --directory --owner=65532 --group=65532 --mode=755 /app/.cache
WORKDIR /app
# Compiled code comes with the image, where it cannot be written at run time. glibc otherwise keeps a heap per thread,
# which is 100 MB at rest.
ENV NODE_ENV=production \
    NODE_COMPILE_CACHE=/app/.cache \
    MALLOC_ARENA_MAX=2 \
    LOG_FORMAT=json \
    OCELLI_DATA=/data \
    LIBRARY_DATA=/data/blobs
STOPSIGNAL SIGTERM
ENTRYPOINT ["node", "--disable-warning=ExperimentalWarning", "/app/cli/src/main.ts"]
LABEL org.opencontainers.image.vendor="Ocelli" \
      org.opencontainers.image.licenses="Apache-2.0" \
      org.opencontainers.image.base.name="docker.io/library/node:24.21.0-bookworm-slim"

FROM runtime AS analysis-runtime
COPY --from=models /models ./models/
COPY --from=analysis-deps /app ./
COPY --from=analysis-source /app ./

FROM runtime AS gateway
COPY --from=gateway-deps /app ./
COPY --from=common-source /app ./
COPY gateway gateway/
ENV HOST=0.0.0.0
USER 65532:65532
RUN ["node", "cli/src/compile-ahead.ts", "gateway"]
EXPOSE 8080 9464
HEALTHCHECK --interval=10s --timeout=5s --start-period=60s --retries=3 \
    CMD ["node", "--disable-warning=ExperimentalWarning", "/app/cli/src/main.ts", "health", "gateway"]
CMD ["serve", "gateway"]
ARG VERSION=0.1.0
ARG REVISION=unknown
LABEL org.opencontainers.image.title="Ocelli gateway" \
      org.opencontainers.image.description="Ocelli: HTTP API" \
      org.opencontainers.image.version="${VERSION}" \
      org.opencontainers.image.revision="${REVISION}"

FROM runtime AS auth
COPY --from=auth-deps /app ./
COPY --from=common-source /app ./
COPY services/auth services/auth/
ENV AUTH_HOST=0.0.0.0
USER 65532:65532
RUN ["node", "cli/src/compile-ahead.ts", "auth"]
EXPOSE 7001 9464
HEALTHCHECK --interval=10s --timeout=5s --start-period=60s --retries=3 \
    CMD ["node", "--disable-warning=ExperimentalWarning", "/app/cli/src/main.ts", "health", "auth"]
CMD ["serve", "auth"]
ARG VERSION=0.1.0
ARG REVISION=unknown
LABEL org.opencontainers.image.title="Ocelli auth" \
      org.opencontainers.image.description="Ocelli: accounts, sessions and keys" \
      org.opencontainers.image.version="${VERSION}" \
      org.opencontainers.image.revision="${REVISION}"

FROM runtime AS library
COPY --from=library-deps /app ./
COPY --from=common-source /app ./
COPY services/library services/library/
ENV LIBRARY_HOST=0.0.0.0
USER 65532:65532
RUN ["node", "cli/src/compile-ahead.ts", "library"]
VOLUME ["/data"]
EXPOSE 7002 9464
HEALTHCHECK --interval=10s --timeout=5s --start-period=60s --retries=3 \
    CMD ["node", "--disable-warning=ExperimentalWarning", "/app/cli/src/main.ts", "health", "library"]
CMD ["serve", "library"]
ARG VERSION=0.1.0
ARG REVISION=unknown
LABEL org.opencontainers.image.title="Ocelli library" \
      org.opencontainers.image.description="Ocelli: photos, albums and jobs" \
      org.opencontainers.image.version="${VERSION}" \
      org.opencontainers.image.revision="${REVISION}"

FROM analysis-runtime AS captioning
COPY services/captioning services/captioning/
ENV CAPTIONING_HOST=0.0.0.0
USER 65532:65532
RUN ["node", "cli/src/compile-ahead.ts", "captioning"]
EXPOSE 7003 9464
HEALTHCHECK --interval=10s --timeout=5s --start-period=60s --retries=3 \
    CMD ["node", "--disable-warning=ExperimentalWarning", "/app/cli/src/main.ts", "health", "captioning"]
CMD ["serve", "captioning"]
ARG VERSION=0.1.0
ARG REVISION=unknown
LABEL org.opencontainers.image.title="Ocelli captioning" \
      org.opencontainers.image.description="Ocelli: captions and text in photos" \
      org.opencontainers.image.version="${VERSION}" \
      org.opencontainers.image.revision="${REVISION}"

FROM analysis-runtime AS face
COPY services/face services/face/
ENV FACE_HOST=0.0.0.0
USER 65532:65532
RUN ["node", "cli/src/compile-ahead.ts", "face"]
EXPOSE 7004 9464
HEALTHCHECK --interval=10s --timeout=5s --start-period=60s --retries=3 \
    CMD ["node", "--disable-warning=ExperimentalWarning", "/app/cli/src/main.ts", "health", "face"]
CMD ["serve", "face"]
ARG VERSION=0.1.0
ARG REVISION=unknown
LABEL org.opencontainers.image.title="Ocelli face" \
      org.opencontainers.image.description="Ocelli: faces and people" \
      org.opencontainers.image.version="${VERSION}" \
      org.opencontainers.image.revision="${REVISION}"

FROM analysis-runtime AS scene
COPY services/scene services/scene/
ENV SCENE_HOST=0.0.0.0
USER 65532:65532
RUN ["node", "cli/src/compile-ahead.ts", "scene"]
EXPOSE 7005 9464
HEALTHCHECK --interval=10s --timeout=5s --start-period=60s --retries=3 \
    CMD ["node", "--disable-warning=ExperimentalWarning", "/app/cli/src/main.ts", "health", "scene"]
CMD ["serve", "scene"]
ARG VERSION=0.1.0
ARG REVISION=unknown
LABEL org.opencontainers.image.title="Ocelli scene" \
      org.opencontainers.image.description="Ocelli: scenes, objects and colours" \
      org.opencontainers.image.version="${VERSION}" \
      org.opencontainers.image.revision="${REVISION}"

FROM analysis-runtime AS search
COPY services/search services/search/
ENV SEARCH_HOST=0.0.0.0
USER 65532:65532
RUN ["node", "cli/src/compile-ahead.ts", "search"]
EXPOSE 7006 9464
HEALTHCHECK --interval=10s --timeout=5s --start-period=60s --retries=3 \
    CMD ["node", "--disable-warning=ExperimentalWarning", "/app/cli/src/main.ts", "health", "search"]
CMD ["serve", "search"]
ARG VERSION=0.1.0
ARG REVISION=unknown
LABEL org.opencontainers.image.title="Ocelli search" \
      org.opencontainers.image.description="Ocelli: search" \
      org.opencontainers.image.version="${VERSION}" \
      org.opencontainers.image.revision="${REVISION}"

FROM runtime AS all
COPY --from=models /models ./models/
COPY --from=all-deps /app ./
COPY --from=analysis-source /app ./
COPY gateway gateway/
COPY services services/
ENV HOST=0.0.0.0
USER 65532:65532
RUN ["node", "cli/src/compile-ahead.ts", "all"]
VOLUME ["/data"]
EXPOSE 8080 9464
HEALTHCHECK --interval=10s --timeout=5s --start-period=60s --retries=3 \
    CMD ["node", "--disable-warning=ExperimentalWarning", "/app/cli/src/main.ts", "health"]
CMD ["up"]
ARG VERSION=0.1.0
ARG REVISION=unknown
LABEL org.opencontainers.image.title="Ocelli" \
      org.opencontainers.image.description="Ocelli: gateway, services and stores in one process" \
      org.opencontainers.image.version="${VERSION}" \
      org.opencontainers.image.revision="${REVISION}"
