"""Health, metadata, configuration, statistics and the repository index, with every client."""

import json

import grpc
import numpy
from conftest import GRPC, NOT_FOUND, http, int32, raises
from google.protobuf.unknown_fields import UnknownFieldSet


def test_health(client):
    assert client.call("is_server_live") is True
    assert client.call("is_server_ready") is True
    assert client.call("is_model_ready", "simple") is True
    assert client.call("is_model_ready", "simple", "1") is True
    if client.is_http:
        assert client.call("is_model_ready", "nothing") is False
    else:  # as the other calls do for a model that is not there
        with raises(NOT_FOUND, "Request for unknown model: 'nothing' is not found")(client):
            client.call("is_model_ready", "nothing")


def test_server_metadata(client):
    metadata = client.json("get_server_metadata")
    assert metadata["name"] == "triton"
    assert metadata["version"]
    assert {"classification", "model_configuration", "binary_tensor_data", "statistics"} <= set(metadata["extensions"])


def test_model_metadata(client):
    metadata = client.json("get_model_metadata", "simple")
    assert metadata["name"] == "simple"
    assert metadata["versions"] == ["1"]
    assert metadata["platform"] == "onnxruntime_onnx"
    shapes = {x["name"]: (x["datatype"], [int(d) for d in x["shape"]]) for x in metadata["inputs"]}
    assert shapes == {"INPUT0": ("INT32", [-1, 16]), "INPUT1": ("INT32", [-1, 16])}
    assert {x["name"] for x in metadata["outputs"]} == {"OUTPUT0", "OUTPUT1"}


def test_metadata_of_a_model_without_config(client):
    metadata = client.json("get_model_metadata", "simple_float")
    shapes = {x["name"]: (x["datatype"], [int(d) for d in x["shape"]]) for x in metadata["inputs"]}
    assert shapes == {"INPUT0": ("FP32", [-1, 16]), "INPUT1": ("FP32", [-1, 16])}


def config_of(client, model):
    config = client.json("get_model_config", model)
    return config if client.is_http else config["config"]


def test_config(client):
    config = config_of(client, "simple")
    assert config["name"] == "simple"
    assert config["max_batch_size"] == 8
    assert [x["name"] for x in config["input"]] == ["INPUT0", "INPUT1"]
    assert config["input"][0]["data_type"] == "TYPE_INT32"
    assert [int(d) for d in config["input"][0]["dims"]] == [16]


def test_config_is_completed_from_the_onnx_file(client):
    config = config_of(client, "simple_float")
    assert config["max_batch_size"] == 4
    assert [int(x) for x in config["dynamic_batching"]["preferred_batch_size"]] == [4]
    assert [[int(d) for d in x["dims"]] for x in config["output"]] == [[16], [16]]
    assert {x["data_type"] for x in config["input"]} == {"TYPE_FP32"}


def test_repository_index(client):
    index = client.json("get_model_repository_index")
    models = index if client.is_http else index["models"]
    states = {(m["name"], m["version"]): m["state"] for m in models}
    for name in ("simple", "simple_string", "simple_identity", "simple_float", "digits"):
        assert states[(name, "1")] == "READY"


def statistics(client, model):
    return client.json("get_inference_statistics", model)["model_stats"][0]


def test_statistics(client):
    def numbers():
        stats = statistics(client, "identity_INT32")
        success = stats["inference_stats"]["success"]
        return [int(x) for x in (stats.get("inference_count", 0), stats.get("execution_count", 0), success.get("count", 0))]

    before = numbers()
    client.identity("identity_INT32", "INT32", int32(3, 4))
    client.identity("identity_INT32", "INT32", int32(1, 4))
    after = numbers()
    assert [b - a for a, b in zip(before, after)] == [4, 2, 2]
    stats = statistics(client, "identity_INT32")
    assert stats["version"] == "1" and int(stats["last_inference"]) > 0
    assert {int(x["batch_size"]) for x in stats["batch_stats"]} >= {1, 3}


def test_statistics_of_a_model_that_forms_batches(client):
    inputs = [client.input(name, "FP32", numpy.zeros((1, 16), numpy.float32)) for name in ("INPUT0", "INPUT1")]
    client.infer("simple_float", inputs)
    stats = statistics(client, "simple_float")
    executions = int(stats["execution_count"])
    assert sum(int(batch["compute_infer"]["count"]) for batch in stats["batch_stats"]) == executions
    if client.is_http:
        reasons = stats["batch_close_reasons"]
        assert set(reasons) == {"preferred", "full", "delay", "idle", "shape", "end"}
        assert sum(reasons.values()) == executions
    else:  # a field that the client does not know: kept in the message, left out of its JSON
        message = client.call("get_inference_statistics", "simple_float")
        assert {field.field_number for field in UnknownFieldSet(message.model_stats[0])} == {1000}
        assert "batch_close_reasons" not in stats
    assert "batch_close_reasons" not in statistics(client, "simple")


def test_times_are_measured(client):
    client.infer("simple", [client.input(name, "INT32", int32(1, 16)) for name in ("INPUT0", "INPUT1")])
    stats = statistics(client, "simple")["inference_stats"]
    assert int(stats["compute_infer"]["ns"]) > 0
    assert int(stats["success"]["ns"]) >= int(stats["compute_infer"]["ns"])


def test_failures_are_counted(client):
    count = lambda: int(statistics(client, "simple_string")["inference_stats"]["fail"].get("count", 0))
    before = count()
    words = numpy.array([["no number"] * 16], object)
    try:
        client.infer("simple_string", [client.input(name, "BYTES", words) for name in ("INPUT0", "INPUT1")])
        raise AssertionError("the server accepted it")
    except Exception as error:
        assert type(error).__name__ == "InferenceServerException", error
    assert count() == before + 1


def test_statistics_of_all_models(client):
    names = {m["name"] for m in client.json("get_inference_statistics")["model_stats"]}
    assert {"simple", "digits", "identity_BF16"} <= names


def test_list_of_models():
    """Ours: every model at a glance."""
    status, headers, body = http("/v2/models")
    assert status == 200 and headers["Content-Type"].startswith("application/json")
    text = json.dumps(json.loads(body))
    for word in ("simple", "digits", "READY", "INPUT0", "probabilities"):
        assert word in text


def test_standard_health_service():
    from grpc_health.v1 import health_pb2, health_pb2_grpc

    with grpc.insecure_channel(GRPC) as channel:
        stub = health_pb2_grpc.HealthStub(channel)
        serving = health_pb2.HealthCheckResponse.SERVING
        assert stub.Check(health_pb2.HealthCheckRequest(), timeout=10).status == serving
        watch = stub.Watch(health_pb2.HealthCheckRequest(), timeout=10)
        assert next(watch).status == serving
        watch.cancel()


def test_reflection():
    from google.protobuf.descriptor_pool import DescriptorPool
    from grpc_reflection.v1alpha.proto_reflection_descriptor_database import ProtoReflectionDescriptorDatabase

    with grpc.insecure_channel(GRPC) as channel:
        database = ProtoReflectionDescriptorDatabase(channel)
        assert {"inference.GRPCInferenceService", "grpc.health.v1.Health"} <= set(database.get_services())
        service = DescriptorPool(database).FindServiceByName("inference.GRPCInferenceService")
        assert "ModelInfer" in service.methods_by_name
        assert service.methods_by_name["ModelInfer"].input_type.full_name == "inference.ModelInferRequest"


def test_a_method_that_does_not_exist():
    with grpc.insecure_channel(GRPC) as channel:
        call = channel.unary_unary("/inference.GRPCInferenceService/Nothing")
        try:
            call(b"", timeout=10)
            raise AssertionError("the server answered")
        except grpc.RpcError as error:
            assert error.code() == grpc.StatusCode.UNIMPLEMENTED


def test_metrics_count_inferences(http_client):
    import os
    import urllib.request

    def value():
        with urllib.request.urlopen(f"http://{os.environ['TRITON_METRICS']}/metrics") as answer:
            for line in answer.read().decode().splitlines():
                if line.startswith("nv_inference_count{") and 'model="identity_INT8"' in line:
                    return float(line.rsplit(" ", 1)[1])
        raise AssertionError("no nv_inference_count of identity_INT8")

    before = value()
    http_client.identity("identity_INT8", "INT8", numpy.zeros((5, 2), numpy.int8))
    assert value() == before + 5
