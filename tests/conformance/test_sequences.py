"""Sequences as Triton's own examples send them, with the answers that those examples expect."""

import threading
import uuid

import numpy
import pytest
from conftest import INVALID, Client, raises

VALUES = [11, 7, 5, 3, 2, 0, 1]
NEGATIVE = [-value for value in VALUES]


def send(client, model, sequence_id, value, **flags):
    tensor = client.input("INPUT", "INT32", numpy.full((1, 1), value, numpy.int32))
    return client.infer(model, [tensor], [client.output("OUTPUT")], sequence_id=sequence_id, **flags)


def sequence(client, model, sequence_id, values):
    """The outputs of a whole sequence."""
    last = len(values) - 1
    results = []
    for index, value in enumerate(values):
        result = send(client, model, sequence_id, value, sequence_start=index == 0, sequence_end=index == last)
        results.append(int(result.as_numpy("OUTPUT")[0, 0]))
    return results


def test_simple_sequence(client):
    assert sequence(client, "simple_sequence", 1000, [0] + VALUES) == [1] + VALUES
    assert sequence(client, "simple_sequence", 1001, [100] + NEGATIVE) == [101] + NEGATIVE
    assert sequence(client, "simple_sequence", str(uuid.uuid4()), [20] + NEGATIVE) == [21] + NEGATIVE


def test_simple_dyna_sequence_adds_the_id_at_the_end(client):
    assert sequence(client, "simple_dyna_sequence", 1000, [0] + VALUES) == [1] + VALUES[:-1] + [1001]
    assert sequence(client, "simple_dyna_sequence", 1001, [100] + NEGATIVE) == [101] + NEGATIVE[:-1] + [1000]


def test_simple_string_dyna_sequence_keeps_a_total(client):
    totals = [int(total) for total in numpy.cumsum([20] + NEGATIVE)]
    expected = totals[:-1] + [totals[-1] + 1002]
    assert sequence(client, "simple_string_dyna_sequence", "1002", [20] + NEGATIVE) == expected


@pytest.mark.parametrize("kind", ["http", "grpc"])
def test_many_sequences_at_once_keep_their_totals(kind):
    failures = []

    def run(number):
        client = Client(kind)
        values = [number * 1000 + i for i in range(20)]
        sequence_id = f"{number}{0 if kind == 'http' else 1}"
        totals = [int(total) for total in numpy.cumsum(values)]
        totals[-1] += int(sequence_id)
        if sequence(client, "simple_string_dyna_sequence", sequence_id, values) != totals:
            failures.append(number)
        client.close()

    threads = [threading.Thread(target=run, args=(number,)) for number in range(1, 13)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert failures == []


def test_more_sequences_than_slots_wait_for_their_turn():
    # 2 instances of 8 slots: the 17th and later ones wait in the backlog
    results = {}

    def run(number):
        client = Client("grpc")
        results[number] = sequence(client, "simple_sequence", 5000 + number, [number] * 5)
        client.close()

    threads = [threading.Thread(target=run, args=(number,)) for number in range(24)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert results == {number: [number + 1] + [number] * 4 for number in range(24)}


def test_wrong_use_is_told(client):
    model = "simple_sequence"
    with raises(INVALID, "must specify a non-zero or non-empty correlation ID")(client):
        send(client, model, 0, 1, sequence_start=True)
    with raises(INVALID, "sequence 77 to model 'simple_sequence' must specify the START flag")(client):
        send(client, model, 77, 1)
    with raises(INVALID, "data-type is 'BYTES', but model 'simple_dyna_sequence' expects 'UINT64'")(client):
        send(client, "simple_dyna_sequence", "abc", 1, sequence_start=True)
    with raises((501, "UNIMPLEMENTED"), "string correlation ID cannot be longer than 128 characters")(client):
        send(client, model, "a" * 129, 1, sequence_start=True, sequence_end=True)
