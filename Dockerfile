# Build stage: everything that compiling needs, none of which reaches the image that runs.
FROM node:22-slim AS build
RUN apt-get update \
  && apt-get install -y --no-install-recommends python3 make g++ \
  && rm -rf /var/lib/apt/lists/*
WORKDIR /app
COPY package.json package-lock.json ./
# The prepare script needs the sources, so scripts are off; SQLite is the one package that has to be built or fetched.
RUN npm ci --ignore-scripts && npm rebuild sqlite3
COPY tsconfig.json tsconfig.build.json ./
COPY src ./src
RUN npm run build && npm prune --omit=dev --ignore-scripts

FROM node:22-slim
ENV NODE_ENV=production \
  MCP_WORKFLOW_HTTP=0.0.0.0:3000 \
  MCP_WORKFLOW_DEFINITIONS=/config/definitions \
  MCP_WORKFLOW_SERVERS=/config/servers.json \
  MCP_WORKFLOW_DATA=/data
WORKDIR /app
COPY --from=build /app/package.json ./
COPY --from=build /app/node_modules ./node_modules
COPY --from=build /app/dist ./dist
RUN mkdir -p /config/definitions /data \
  && echo '{"mcpServers": {}}' > /config/servers.json \
  && chown -R node:node /config /data
USER node
VOLUME /data
EXPOSE 3000
HEALTHCHECK --interval=15s --timeout=5s --start-period=20s \
  CMD ["node", "-e", "fetch(`http://127.0.0.1:${process.env.MCP_WORKFLOW_HTTP.split(':').pop()}/healthz`).then((answer) => process.exit(answer.ok ? 0 : 1), () => process.exit(1))"]
ENTRYPOINT ["node", "dist/cli.js"]
CMD ["serve"]
