"""Prints a YAML file as JSON, with anchors and merges resolved."""

import json
import sys

from ruamel.yaml import YAML

with open(sys.argv[1], encoding="utf-8") as file:
    print(json.dumps(YAML(typ="safe", pure=True).load(file)))
