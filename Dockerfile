FROM node:24-slim AS build
WORKDIR /parley
COPY package.json package-lock.json .npmrc ./
# No install scripts: the image is the runtime, and the database is another container.
RUN npm ci --ignore-scripts
COPY . .
RUN npm run build

FROM node:24-slim AS packages
WORKDIR /parley
COPY package.json package-lock.json .npmrc ./
# The optional packages are the embedded PostgreSQL and a Node.js of its own.
RUN npm ci --ignore-scripts --omit=dev --omit=optional

FROM node:24-slim
ENV NODE_ENV=production
WORKDIR /parley
COPY --from=packages /parley/node_modules node_modules
COPY --from=build /parley/dist dist
COPY package.json ./
# Nothing of Parley is theirs to change, and nothing is written outside the database.
USER node
EXPOSE 4000
HEALTHCHECK --interval=10s --timeout=3s --start-period=10s --retries=3 \
  CMD ["node", "-e", "fetch(`http://127.0.0.1:${process.env.PORT || 4000}/health/live`).then(({ ok }) => process.exit(ok ? 0 : 1), () => process.exit(1))"]
# `docker run … migrate`, `docker run … token`: the whole command is here.
ENTRYPOINT ["node", "--max-semi-space-size=64", "dist/src/cli.js"]
CMD ["serve"]
