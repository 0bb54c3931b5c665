#!/bin/sh
# Docker and Kubernetes hand secrets over as files, labelwheel reads the environment: NAME_FILE becomes NAME.
set -eu

for name in LABELWHEEL_TOKEN LABELWHEEL_READ_TOKEN LABELWHEEL_SECRET_KEY LABELWHEEL_DATABASE PGPASSWORD; do
  file=$(printenv "${name}_FILE" || true)
  [ -n "$file" ] || continue
  if [ ! -r "$file" ]; then
    echo "${name}_FILE: $file cannot be read" >&2
    exit 2
  fi
  export "$name=$(cat "$file")"
  unset "${name}_FILE"
done

# exec, so that the process itself is told to stop, and not a shell that would not pass it on.
exec "$@"
