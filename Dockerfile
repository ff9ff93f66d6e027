# The image of a node, and with `--target demo-backend` that of the votes demo's back end.
# The current long-term version of Node.js; 22 and 26 work too. glibc 2.38 or newer: the binary of uWebSockets.js does not
# load with musl.
ARG NODE=24

FROM node:${NODE}-trixie-slim AS build
WORKDIR /app
COPY package.json package-lock.json ./
RUN --mount=type=cache,target=/root/.npm npm ci --no-audit --no-fund
COPY LICENSE tsconfig.json ./
COPY src ./src
RUN npm run build

# npm 11 keeps optional peers of ws that only development needs. npm installs the platform packages of uWebSockets.js for this
# platform and this Node.js. Both versions have one for Node.js 22: only the one that the router loads stays.
FROM build AS dependencies
RUN npm prune --omit=dev --no-audit --no-fund \
  && rm -rf node_modules/bufferutil node_modules/utf-8-validate node_modules/node-gyp-build \
  && find node_modules -type f \( -name '*.map' -o -name '*.md' -o -name '*.ts' -o -name '*.mts' -o -name '*.cts' \) -delete \
  && find node_modules -type d -empty -delete \
  && rm -rf node_modules/.package-lock.json dist/.tsbuildinfo \
  && find dist -name '*.map' -delete \
  && loaded=$(node --input-type=module -e " \
    import '/app/dist/transport/uws/uws-library.js'; \
    console.log(process.report.getReport().sharedObjects.find((path) => path.endsWith('/uws.node')))") \
  && test -f "$loaded" \
  && find /app/node_modules -name uws.node ! -path "$loaded" -printf '%h\n' | xargs -r rm -r

FROM build AS demo-dependencies
RUN node -e " \
    const { dependencies: { ws }, devDependencies: { autobahn } } = require('./package.json'); \
    require('fs').writeFileSync('package.json', JSON.stringify({ type: 'module', dependencies: { autobahn, ws } }))" \
  && npm prune --no-audit --no-fund --no-package-lock

FROM node:${NODE}-trixie-slim AS demo-backend
ENV NODE_ENV=production
WORKDIR /app
COPY --from=demo-dependencies /app/package.json ./
COPY --from=demo-dependencies /app/node_modules ./node_modules
COPY --from=build /app/src/demo/backend.mjs ./
COPY --from=build /app/src/demo/public ./public
USER 1000:1000
ENTRYPOINT []
CMD ["node", "backend.mjs"]

FROM node:${NODE}-trixie-slim AS router
ARG VERSION=0.1.0
ARG REVISION=unknown
LABEL org.opencontainers.image.title="Gantry" \
      org.opencontainers.image.description="A horizontally scaled WAMP v2 router" \
      org.opencontainers.image.licenses="Apache-2.0" \
      org.opencontainers.image.version="${VERSION}" \
      org.opencontainers.image.revision="${REVISION}"
# Nothing is installed at run time.
RUN rm -rf /usr/local/lib/node_modules /usr/local/bin/npm /usr/local/bin/npx /usr/local/bin/corepack \
  /usr/local/bin/yarn /usr/local/bin/yarnpkg /opt/yarn-*
# Not as variables of each setting: those would outrank the file that a user mounts.
ENV NODE_ENV=production \
    GANTRY_DEFAULTS=/app/image.yaml
WORKDIR /app
COPY --from=build /app/LICENSE /app/package.json ./
COPY --from=dependencies /app/node_modules ./node_modules
COPY --from=dependencies /app/dist ./dist
COPY deploy/image.yaml ./
USER 1000:1000
EXPOSE 8080 9090
STOPSIGNAL SIGTERM
# Liveness: a node that drains, or has lost the others, must not be restarted. Whether to send it clients says /readyz.
HEALTHCHECK --interval=10s --timeout=5s --start-period=10s --retries=3 \
  CMD ["node", "-e", "fetch(`http://127.0.0.1:${process.env.GANTRY_OPS_PORT || 9090}/healthz`).then(({ ok }) => process.exit(ok ? 0 : 1), () => process.exit(1))"]
# `docker run gantry check FILE`, `docker run gantry --help`.
ENTRYPOINT ["node", "dist/main.js"]
CMD ["start"]
