#!/usr/bin/env bash
# Docker Compose v2, built from the Go module proxy, for machines that cannot download it.
#
# Usage: build.sh FILE   FILE is where the plug-in is written, mostly
#                        ~/.docker/cli-plugins/docker-compose
#
# Needs Go 1.24 or later.
set -euo pipefail
if [[ $# -ne 1 || $1 == --help ]]; then
  sed -n '2,/^set/{/^set/d;s/^# \{0,1\}//p}' "$0" >&2
  exit 2
fi

VERSION=v2.40.3
MODULE=github.com/docker/compose/v2

mkdir -p "$(dirname "$1")"
FILE=$(cd "$(dirname "$1")" && pwd)/$(basename "$1")
FOLDER=$(mktemp -d)
trap 'rm -rf "$FOLDER"' EXIT
cd "$FOLDER"
export GOWORK=off GOFLAGS=-mod=mod CGO_ENABLED=0

# `go install` refuses a module whose go.mod excludes versions; a wrapper repeats what it excludes.
go mod init wrapper 2>/dev/null
theirs=$(go mod download -json "$MODULE@$VERSION" | sed -n 's/^\t"GoMod": "\(.*\)",\{0,1\}$/\1/p')
go mod edit -require="$MODULE@$VERSION" -go="$(sed -n 's/^go //p' "$theirs")"
while read -r module version; do
  go mod edit -exclude="$module@$version"
done < <(awk '/^exclude \(/{inside=1; next} /^\)/{inside=0} inside && $1 !~ /^\/\// && NF {print $1, $2} /^exclude [^(]/{print $2, $3}' "$theirs")

go build -trimpath -ldflags "-s -w -X $MODULE/internal.Version=$VERSION" -o "$FILE" "$MODULE/cmd"
"$FILE" version
