# Two stages: a static binary, then a slim Debian with the embedded engine's library (it needs glibc).
FROM golang:1.26-bookworm AS build
WORKDIR /src
COPY go.mod go.sum ./
RUN go mod download
COPY . .
ARG VERSION=devel
RUN CGO_ENABLED=0 go build -trimpath -ldflags "-X main.version=${VERSION}" -o /out/gatewatch ./cmd/gatewatch

FROM debian:bookworm-slim
RUN apt-get update \
 && apt-get install -y --no-install-recommends ca-certificates tzdata \
 && rm -rf /var/lib/apt/lists/* \
 && useradd --system --uid 10001 --home-dir /var/lib/gatewatch --create-home gatewatch \
 && install -d -o gatewatch /opt/gatewatch
COPY --from=build /out/gatewatch /usr/local/bin/gatewatch
USER gatewatch
# The engine's library belongs to the image: a volume would go on with the one of an older image.
ENV XDG_CACHE_HOME=/opt/gatewatch
# EMBEDDED_ENGINE=0 leaves the 566 MB library out, for images that use a ClickHouse server (GATEWATCH_STORE_DSN).
ARG EMBEDDED_ENGINE=1
RUN if [ "$EMBEDDED_ENGINE" = 1 ]; then gatewatch engine install; fi
VOLUME /var/lib/gatewatch
EXPOSE 8642
ENTRYPOINT ["gatewatch"]
CMD ["serve", "--data-dir", "/var/lib/gatewatch/data", "--listen", "0.0.0.0:8642"]
