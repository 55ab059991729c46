"""A writer that dies in the middle of a transaction: its message is on the broker, and nothing decides what it is.

python -m tests.connectors.kafka.hanging_writer BOOTSTRAP PREFIX WRITER TOPIC
"""

import os
import signal
import sys

from connectors.kafka.client import KafkaCluster, Watch, producer_of


def main(bootstrap, prefix, writer, topic):
    cluster = KafkaCluster({"bootstrap.servers": bootstrap}, prefix)
    producer = producer_of(cluster, Watch("hanging"), f"{prefix}{writer}")
    producer.init_transactions(30)
    producer.begin_transaction()
    producer.produce(cluster.topic(topic), b"of the dead", partition=0)
    if producer.flush(30):
        raise TimeoutError("the broker did not take the message")
    os.kill(os.getpid(), signal.SIGKILL)


if __name__ == "__main__":
    main(*sys.argv[1:])
