"""`python -m api.embedded '<json>'`: one guardian. Started by `cluster`, not by hand."""

import sys

from api.embedded.guardian import main

sys.exit(main(sys.argv[1]))
