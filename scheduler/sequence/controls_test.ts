import { create } from "@bufbuild/protobuf";
import assert from "node:assert/strict";
import type { CorrelationId } from "../../core/inference.ts";
import { decodeStrings } from "../../core/tensor.ts";
import {
  DataType,
  ModelSequenceBatching_Control_Kind as Kind,
  ModelSequenceBatchingSchema,
} from "../../proto/gen/model_config_pb.ts";
import { ControlTensors } from "./controls.ts";
import { inventedId, sequenceKey } from "./correlation.ts";

const corrid = (dataType: DataType) =>
  new ControlTensors(
    create(ModelSequenceBatchingSchema, {
      controlInput: [{ name: "C", control: [{ kind: Kind.CONTROL_SEQUENCE_CORRID, dataType }] }],
    }),
    4,
  );

Deno.test("ControlTensors.flags() gives the values of the configuration in every type", () => {
  const controls = new ControlTensors(
    create(ModelSequenceBatchingSchema, {
      controlInput: [
        { name: "S", control: [{ kind: Kind.CONTROL_SEQUENCE_START, int32FalseTrue: [-7, 9] }] },
        { name: "E", control: [{ kind: Kind.CONTROL_SEQUENCE_END, fp32FalseTrue: [0.5, -1.5] }] },
        { name: "R", control: [{ kind: Kind.CONTROL_SEQUENCE_READY, boolFalseTrue: [true, false] }] },
      ],
    }),
    4,
  );
  const read = (start: boolean, end: boolean, ready: boolean) =>
    controls.flags({ start, end, ready }).map(({ name, datatype, shape, data }) => {
      assert.deepEqual(shape, [1, 1]);
      const view = new DataView(data.buffer, data.byteOffset, data.byteLength);
      const value = datatype === "BOOL"
        ? data[0]
        : datatype === "FP32"
        ? view.getFloat32(0, true)
        : view.getInt32(0, true);
      return [name, datatype, value];
    });
  assert.deepEqual(read(true, false, true), [["S", "INT32", 9], ["E", "FP32", 0.5], ["R", "BOOL", 0]]);
  assert.deepEqual(read(false, true, false), [["S", "INT32", -7], ["E", "FP32", -1.5], ["R", "BOOL", 1]]);
  assert.equal(controls.correlation(5), undefined);
});

Deno.test("ControlTensors gives shapes without a batch dimension where the model does not batch", () => {
  const controls = new ControlTensors(
    create(ModelSequenceBatchingSchema, {
      controlInput: [
        { name: "S", control: [{ kind: Kind.CONTROL_SEQUENCE_START, int32FalseTrue: [0, 1] }] },
        { name: "C", control: [{ kind: Kind.CONTROL_SEQUENCE_CORRID, dataType: DataType.TYPE_UINT64 }] },
      ],
    }),
    0,
  );
  assert.deepEqual(controls.flags({ start: true, end: false, ready: true })[0].shape, [1]);
  assert.deepEqual(controls.correlation(1)!.shape, [1]);
});

Deno.test("ControlTensors gives one tensor that carries several kinds the value of the last of them", () => {
  const controls = new ControlTensors(
    create(ModelSequenceBatchingSchema, {
      controlInput: [{
        name: "S",
        control: [
          { kind: Kind.CONTROL_SEQUENCE_READY, int32FalseTrue: [10, 11] },
          { kind: Kind.CONTROL_SEQUENCE_START, int32FalseTrue: [0, 1] },
        ],
      }],
    }),
    0,
  );
  const tensors = controls.flags({ start: true, end: false, ready: true });
  assert.deepEqual(tensors.map(({ data }) => data[0]), [11]);
});

Deno.test("ControlTensors.correlation() writes ids in every type, cut to its bits", () => {
  const large = 2n ** 63n + 2n ** 32n + 5n;
  const cases: [DataType, CorrelationId, number[]][] = [
    [DataType.TYPE_UINT64, 77, [77, 0, 0, 0, 0, 0, 0, 0]],
    [DataType.TYPE_UINT64, large, [5, 0, 0, 0, 1, 0, 0, 0x80]],
    [DataType.TYPE_INT64, large, [5, 0, 0, 0, 1, 0, 0, 0x80]],
    [DataType.TYPE_UINT32, large, [5, 0, 0, 0]],
    [DataType.TYPE_INT32, 2 ** 32 - 1, [255, 255, 255, 255]],
  ];
  for (const [datatype, id, bytes] of cases) assert.deepEqual([...corrid(datatype).correlation(id)!.data], bytes);
  const text = corrid(DataType.TYPE_STRING);
  assert.deepEqual(decodeStrings(text.correlation("né")!.data), ["né"]);
  assert.deepEqual(decodeStrings(text.noCorrelation!.data), [""]);
  assert.deepEqual([...corrid(DataType.TYPE_INT64).noCorrelation!.data], [0, 0, 0, 0, 0, 0, 0, 0]);
});

Deno.test("sequenceKey() makes one key of 5 and 5n, keeps large ids apart, and knows none", () => {
  assert.equal(sequenceKey(5n), sequenceKey(5));
  assert.notEqual(sequenceKey("5"), sequenceKey(5));
  assert.notEqual(sequenceKey(2n ** 53n), sequenceKey(2n ** 53n + 1n));
  assert.deepEqual([sequenceKey(0), sequenceKey(0n), sequenceKey("")], [undefined, undefined, undefined]);
  assert.notEqual(inventedId(1), inventedId(2));
});
