"""Least weights of routes by networkx: a line of JSON in, {edges: [[from, to, base, millionths, delta, least, most]], payer, payee, amount};
a number, or null where there is no route.

A route weighs its fees and its delays, amount * delta * 15 / 10^9; its first hop is free. What a hop carries grows with the
fees behind it. So routes are taken in the order of what they would weigh at least, with the amount that the payee gets at
every hop, until none can be lighter than the best.
"""

import json
import sys

import networkx


def weigh(graph, path, amount):
    """The weight of a route, from its end; None where a hop does not carry what it must."""
    weight = 0
    for hop in range(len(path) - 2, -1, -1):
        _, base, millionths, delta, least, most = graph.edges[path[hop], path[hop + 1]]["terms"]
        if not least <= amount <= most:
            return None
        if hop > 0:
            fee = base + amount * millionths // 10**6
            weight += fee + amount * delta * 15 / 10**9
            amount += fee
    return weight


def lightest(asked):
    payer, payee, amount = asked["payer"], asked["payee"], asked["amount"]
    graph = networkx.DiGraph()
    graph.add_nodes_from([payer, payee])
    for tail, head, base, millionths, delta, least, most in asked["edges"]:
        if most < amount or head == payer or tail == payee:
            continue
        bound = 0 if tail == payer else base + amount * millionths // 10**6 + amount * delta * 15 / 10**9
        graph.add_edge(tail, head, terms=(bound, base, millionths, delta, least, most), bound=bound)
    best = None
    try:
        for path in networkx.shortest_simple_paths(graph, payer, payee, weight="bound"):
            if best is not None and networkx.path_weight(graph, path, "bound") >= best:
                break
            weight = weigh(graph, path, amount)
            if weight is not None and len(path) <= 21 and (best is None or weight < best):
                best = weight
    except networkx.NetworkXNoPath:
        pass
    return best


for line in sys.stdin:
    print(json.dumps(lightest(json.loads(line))), flush=True)
