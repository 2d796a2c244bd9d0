# One static binary on an empty image: certificates, time zones, a place for data and one for temporary files.
#   docker build -t anabranch .
#   docker run --rm anabranch version
FROM golang:1.26 AS build
WORKDIR /src
COPY go.mod go.sum ./
RUN go mod download
COPY . .
RUN CGO_ENABLED=0 go build -trimpath -ldflags '-s -w' -o /image/anabranch ./cmd/anabranch \
 && mkdir -p /image/etc/ssl/certs /image/data /image/tmp \
 && cp /etc/ssl/certs/ca-certificates.crt /image/etc/ssl/certs/ \
 && cp /usr/local/go/lib/time/zoneinfo.zip /image/etc/zoneinfo.zip \
 && echo 'anabranch:x:65532:65532:anabranch:/data:' > /image/etc/passwd \
 && echo 'anabranch:x:65532:' > /image/etc/group \
 && chmod 1777 /image/tmp && chown 65532:65532 /image/data

FROM scratch
COPY --from=build /image/ /
ENV ZONEINFO=/etc/zoneinfo.zip HOME=/data
USER 65532:65532
WORKDIR /data
VOLUME /data
ENTRYPOINT ["/anabranch"]
