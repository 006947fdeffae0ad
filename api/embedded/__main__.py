"""`python -m api.embedded FOLDER`: one guardian. Started by `cluster`, not by hand."""

import sys

from api.embedded.guardian import main

sys.exit(main(sys.argv[1], sys.stdin.read()))
