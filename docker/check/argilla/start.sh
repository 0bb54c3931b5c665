#!/bin/sh
# The part of the official image's start that docker-compose.yml relies on.
set -eu
python -m argilla_server database migrate
python -m argilla_server database users create --role owner --first-name "$USERNAME" --username "$USERNAME" \
  --password "$PASSWORD" --api-key "$API_KEY" || echo "the first account is there already"
exec python -m argilla_server start --host 0.0.0.0 --port 6900
