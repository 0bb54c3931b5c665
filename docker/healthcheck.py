"""Whether the service in this container answers: 0 or 1, for Docker's HEALTHCHECK. No curl in the image, so Python."""

import os
import sys
import urllib.error
import urllib.request

url = f"http://127.0.0.1:{os.environ.get('LABELWHEEL_PORT', '9090')}/health"
token = os.environ.get("LABELWHEEL_TOKEN", "")
if not token and os.environ.get("LABELWHEEL_TOKEN_FILE"):
    # A check does not pass through the entry script, which turns the file into the variable.
    with open(os.environ["LABELWHEEL_TOKEN_FILE"], encoding="utf-8") as file:
        token = file.read().strip()
request = urllib.request.Request(url, headers={"Authorization": f"Bearer {token}"} if token else {})
# the token is for this container alone, whatever proxy its environment names
direct = urllib.request.build_opener(urllib.request.ProxyHandler({}))
try:
    with direct.open(request, timeout=4) as answer:
        sys.stdout.write(answer.read(300).decode("utf-8", "replace"))
except OSError as error:
    sys.stdout.write(f"{url}: {error}")
    sys.exit(1)
