"""`python -m llama`."""

import sys

from llama.cli.main import main

sys.exit(main())
