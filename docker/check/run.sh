#!/usr/bin/env bash
# Builds the images and brings docker-compose.yml up for real, under a name, ports, volumes and secrets of its own, and
# takes all of it down again. IMAGES=stand-ins builds the images of others as well, where no registry is in reach, and
# TOOL=argilla brings up the profile argilla in place of Label Studio.
set -euo pipefail
cd "$(dirname "$0")/../.."

case ${TOOL:=label-studio} in
  label-studio) services=(label-studio) journey=journey.py profile=() ;;
  argilla)
    services=(argilla-elasticsearch argilla-redis argilla argilla-worker) journey=argilla_journey.py
    profile=(--profile argilla)
    ;;
  *) echo "TOOL is label-studio or argilla, not $TOOL" >&2; exit 2 ;;
esac

say() { printf '%s  %s\n' "$(date +%T)" "$*"; }
fail() { say "$*" >&2; exit 1; }

docker info >/dev/null 2>&1 || fail "no Docker engine answers; start one, or set DOCKER_HOST"
if docker compose version >/dev/null 2>&1; then compose=(docker compose); else compose=(docker-compose); fi
"${compose[@]}" version >/dev/null 2>&1 || fail "neither docker compose nor docker-compose is installed"
export DOCKER_BUILDKIT=1 COMPOSE_DOCKER_CLI_BUILD=1

work=$(mktemp -d)
name=labelwheel-check-$$
docker/write-env.sh "$work/env" >/dev/null
export LABELWHEEL_IMAGE_TAG=check LABELWHEEL_PUBLISH=127.0.0.1: LABEL_STUDIO_PUBLISH=127.0.0.1: ARGILLA_PUBLISH=127.0.0.1:
# A .env in the clone, and variables of this shell, are a real installation's: the check has its own.
while IFS='=' read -r key value; do [[ $key = [A-Z]* ]] && export "$key=$value"; done < "$work/env"
dc() { "${compose[@]}" --env-file "$work/env" --project-name "$name" --file docker-compose.yml "${profile[@]}" "$@"; }

stand_ins=()
end() {
  code=$?
  if [ $code != 0 ]; then
    dc ps || true
    dc logs --no-color --tail 60 web worker || true
    dc logs --no-color --tail 20 postgres "${services[@]}" || true
  fi
  say "down"
  dc down --volumes --timeout 30 >/dev/null 2>&1 || true
  # Under the official names they must not stay: the next installation on this machine would start them.
  if [ ${#stand_ins[@]} -gt 0 ]; then docker image rm "${stand_ins[@]}" >/dev/null || true; fi
  rm -rf "$work"
  [ $code = 0 ] && say "all of it works" || say "failed"
  exit $code
}
trap end EXIT

stand_in() { # IMAGE DOCKERFILE CONTEXT
  if docker image inspect "$1" >/dev/null 2>&1; then say "$1 is here already"; return; fi
  say "building a stand-in for $1"
  docker build --quiet --tag "$1" --file "$2" "$3" >/dev/null
  stand_ins+=("$1")
}
official() { dc config | sed -n "s|^ *image: *\(.*$1.*\)|\1|p" | head -1; }
if [ "${IMAGES-}" = stand-ins ]; then
  stand_in "$(official postgres:)" docker/check/postgres/Dockerfile docker/check/postgres
  if [ "$TOOL" = argilla ]; then
    stand_in "$(official redis:)" docker/check/redis/Dockerfile docker/check/redis
    stand_in "$(official /elasticsearch:)" docker/check/elasticsearch/Dockerfile .
    stand_in "$(official argilla-server:)" docker/check/argilla/Dockerfile .
  else
    stand_in "$(official heartexlabs/)" docker/check/label-studio/Dockerfile .
  fi
else
  dc pull --quiet postgres "${services[@]}" \
    || fail "the images cannot be pulled; where no registry is in reach: make compose-check IMAGES=stand-ins"
fi

say "building labelwheel"
SECONDS=0
dc build >"$work/build.log" 2>&1 || { tail -40 "$work/build.log"; fail "the build failed"; }
say "built in $SECONDS s: $(docker image inspect labelwheel:check --format '{{.Size}}' | awk '{printf "%.2f GB", $1 / 1e9}')"

# What a registry would see of the image: no secret may be in there, and nothing runs as root.
docker history --no-trunc labelwheel:check >"$work/layers"
docker image inspect labelwheel:check >>"$work/layers"
while IFS='=' read -r key value; do
  case $key in *TOKEN | *PASSWORD | *_KEY) ! grep -qF "$value" "$work/layers" || fail "$key is in the image" ;; esac
done < "$work/env"
[ "$(docker run --rm --user 4321:4321 labelwheel:check sh -c 'touch /data/a ~/b && id -u')" = 4321 ] \
  || fail "it does not run under an arbitrary uid"

say "up"
SECONDS=0
dc up --detach web worker "${services[@]}" >"$work/up.log" 2>&1 || { tail -40 "$work/up.log"; fail "docker-compose up failed"; }
health() { docker inspect "$(dc ps -q "$1")" --format '{{if .State.Health}}{{.State.Health.Status}}{{else}}{{.State.Status}}{{end}}'; }
for service in postgres web worker "${services[@]}"; do
  while state=$(health "$service"); [ "$state" != healthy ] && { [ "$state" != running ] || [[ $service != *worker ]]; }; do
    [ $SECONDS -lt 600 ] || fail "$service is $state after $SECONDS s"
    sleep 2
  done
  say "$service is $state after $SECONDS s"
done
for service in web worker; do
  [ "$(dc exec -T "$service" id -u)" != 0 ] || fail "$service runs as root"
done

web=$(dc ps -q web)
for path in demo docker/check/journey.py docker/check/argilla_journey.py; do docker cp "$path" "$web:/tmp/"; done
journey() {
  dc exec -T -e PYTHONPATH=/tmp -e LABEL_STUDIO_USERNAME="$LABEL_STUDIO_USERNAME" \
    -e LABEL_STUDIO_PASSWORD="$LABEL_STUDIO_PASSWORD" -e ARGILLA_API_KEY="$ARGILLA_API_KEY" web python "/tmp/$journey" "$@" </dev/null
}
say "the first day"
journey | tee "$work/journey"
project=$(sed -n 's/^project=//p' "$work/journey")

say "stopping web and worker as an upgrade does"
SECONDS=0
dc stop web worker >/dev/null 2>&1
say "stopped in $SECONDS s"
for service in web worker; do
  code=$(docker inspect "$(dc ps -aq "$service" 2>/dev/null || dc ps -q "$service")" --format '{{.State.ExitCode}}')
  [ "$code" = 0 ] || fail "$service ended with $code when it was told to stop"
done
SECONDS=0
dc start web worker >/dev/null 2>&1
until [ "$(health web)" = healthy ]; do [ $SECONDS -lt 120 ] || fail "web does not come back"; sleep 1; done
say "web is healthy again after $SECONDS s"
journey "$project"
say "memory: $(docker stats --no-stream --format '{{.Name}} {{.MemUsage}}' $(dc ps -q) | sed 's/ \/.*//' | paste -sd, -)"
