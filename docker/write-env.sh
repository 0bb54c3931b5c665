#!/bin/sh
# .env for docker-compose.yml: docker/example.env with a fresh secret wherever nothing is filled in.
set -eu
cd "$(dirname "$0")/.."
target=${1:-.env}
if [ -e "$target" ]; then
  echo "$target is there already and stays as it is: the databases know its passwords"
  exit 0
fi
umask 077
draft=$(mktemp "$target.XXXXXX")
trap 'rm -f "$draft"' EXIT
while IFS= read -r line; do
  case $line in
    '#'* | '' | *=?*) printf '%s\n' "$line" ;;
    *=) printf '%s%s\n' "$line" "$(od -An -N24 -tx1 /dev/urandom | tr -d ' \n')" ;;
  esac
done < docker/example.env > "$draft"
# ln, not mv: of two that run at once, one wins, and nobody's secrets are replaced.
ln "$draft" "$target"
echo "$target written. Label Studio: $(sed -n 's/^LABEL_STUDIO_USERNAME=//p' "$target"), password in $target"
