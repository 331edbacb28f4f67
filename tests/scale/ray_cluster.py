"""A Ray cluster of two nodes on this machine: JSON answers to commands, a line each, until EOF."""

import json
import sys

from ray.cluster_utils import Cluster

_NODE = {"num_cpus": 1, "memory": 2 * 2**30, "object_store_memory": 100 * 2**20}


def main() -> None:
    cluster = Cluster(initialize_head=True, head_node_args=_NODE)
    other = cluster.add_node(**_NODE)
    cluster.wait_for_nodes()
    answer = {"address": cluster.address}
    try:
        while True:
            print(json.dumps(answer), file=sys.__stdout__, flush=True)
            command = sys.stdin.readline().strip()
            if not command:
                break
            if command == "lose a node":
                cluster.remove_node(other, allow_graceful=False)
            answer = {"nodes": len(cluster.list_all_nodes())}
    finally:
        cluster.shutdown()


if __name__ == "__main__":
    main()
