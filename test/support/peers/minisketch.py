"""Sketches by pyminisketch: argv[1] is pyminisketch.py; a line of JSON in, one out. Its own folder is not in this project."""

import importlib.util
import json
import sys

spec = importlib.util.spec_from_file_location("pyminisketch", sys.argv[1])
module = importlib.util.module_from_spec(spec)
spec.loader.exec_module(module)
for line in sys.stdin:
    asked = json.loads(line)
    sketch = module.Minisketch(asked["bits"], asked["capacity"])
    for element in asked["elements"]:
        sketch.add(int(element))
    made = sketch.serialize()
    again = module.Minisketch(asked["bits"], asked["capacity"])
    again.deserialize(bytes.fromhex(asked["ours"]))
    found = again.decode()
    print(json.dumps({"sketch": made.hex(), "decoded": None if found is None else [str(e) for e in sorted(found)]}))
