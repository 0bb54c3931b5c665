"""Whether the service in this container answers: 0 or 1, for Docker's HEALTHCHECK. No curl in the image, so Python."""

import os
import sys
import urllib.request

url = f"http://127.0.0.1:{os.environ.get('LABELWHEEL_PORT', '9090')}/live"
# itself, whatever proxy its environment names
direct = urllib.request.build_opener(urllib.request.ProxyHandler({}))
try:
    with direct.open(url, timeout=4) as answer:
        sys.stdout.write(answer.read(300).decode("utf-8", "replace"))
except OSError as error:
    sys.stdout.write(f"{url}: {error}")
    sys.exit(1)
