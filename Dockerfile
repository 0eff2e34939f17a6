# The hub as one static binary in an image without a shell, run by a user who
# owns nothing but the two volumes.
#
#   docker build -t vaguemestre .
#   docker compose up          see docker-compose.yml
FROM golang:1.26-alpine AS build
WORKDIR /src
COPY go.mod go.sum ./
RUN go mod download
COPY . .
RUN CGO_ENABLED=0 go build -trimpath -ldflags=-s -o /out/vaguemestre ./cmd/vaguemestre \
 && mkdir -m 0700 /out/data /out/secrets

FROM scratch
COPY --from=build /out/vaguemestre /vaguemestre
# Whom to trust: where professionals log in, and who takes notices.
COPY --from=build /etc/ssl/certs/ca-certificates.crt /etc/ssl/certs/
# A named volume takes owner and mode from what it covers.
COPY --from=build --chown=65532:65532 /out/data /data
COPY --from=build --chown=65532:65532 /out/secrets /secrets
USER 65532:65532
ENV VAGUEMESTRE_DATA=/data
VOLUME ["/data", "/secrets"]
EXPOSE 10465 10587 10993 10143 10443
STOPSIGNAL SIGTERM
HEALTHCHECK --interval=30s --timeout=10s --start-period=20s CMD ["/vaguemestre", "status"]
ENTRYPOINT ["/vaguemestre"]
CMD ["serve", "--data", "/data"]
