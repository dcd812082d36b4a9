# nod in one static program: docker build -t nod --build-arg VERSION=$(git describe --tags --always) .

FROM node:24-slim AS pages
WORKDIR /src/web
COPY web/package.json web/package-lock.json web/.npmrc ./
RUN npm ci
COPY web ./
RUN npm run build

FROM golang:1.26 AS program
WORKDIR /src
COPY go.mod go.sum ./
RUN go mod download
COPY . .
COPY --from=pages /src/web/dist web/dist
ARG VERSION=dev
RUN CGO_ENABLED=0 go build -tags grpcnotrace,disable_grpc_modules -trimpath -ldflags "-s -w -X main.version=$VERSION" -o /out/nod ./cmd/nod && mkdir /out/data

FROM scratch
COPY --from=program /etc/ssl/certs/ca-certificates.crt /etc/ssl/certs/
COPY --from=program /out/nod /nod
COPY --from=program --chown=65532:65532 /out/data /data
# Inside a container the address is every interface's: publish the port to whom it is meant for, and set
# NOD_PUBLIC_URL to what a browser calls it by.
ENV NOD_ADDR=0.0.0.0:8080 NOD_DATABASE_URL=sqlite:/data/nod.db
USER 65532:65532
WORKDIR /data
VOLUME /data
EXPOSE 8080
HEALTHCHECK --interval=10s --timeout=5s --start-period=10s CMD ["/nod", "health"]
ENTRYPOINT ["/nod"]
CMD ["serve"]
