"""Maximum flows by networkx: a line of JSON in, {edges: [[tail, head, forth, back]], pairs: [[from, to]]}; a list of flows out."""

import json
import sys

import networkx

for line in sys.stdin:
    asked = json.loads(line)
    graph = networkx.DiGraph()
    graph.add_nodes_from(range(asked["nodes"]))
    for tail, head, forth, back in asked["edges"]:
        for a, b, capacity in ((tail, head, forth), (head, tail, back)):
            known = graph[a][b]["capacity"] if graph.has_edge(a, b) else 0
            graph.add_edge(a, b, capacity=known + capacity)
    print(json.dumps([networkx.maximum_flow_value(graph, a, b) for a, b in asked["pairs"]]))
