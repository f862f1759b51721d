"""Gets a page over HTTPS and prints it as it is.

Usage: get.py URL CA_FILE
"""

import ssl
import sys
import urllib.request

context = ssl.create_default_context(cafile=sys.argv[2])
with urllib.request.urlopen(sys.argv[1], context=context) as answer:
    sys.stdout.buffer.write(answer.read())
