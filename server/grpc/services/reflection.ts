import { type DescFile, toBinary } from "@bufbuild/protobuf";
import { nestedTypes } from "@bufbuild/protobuf/reflect";
import { FileDescriptorProtoSchema } from "@bufbuild/protobuf/wkt";
import { reflectionNotFound, reflectionWithoutQuestion } from "../../../core/errors/grpc.ts";
import type { Status } from "../../../core/status.ts";

/** What a request asks: a member of its `message_request`, in either version of the protocol. */
type Question =
  | { case: "listServices" | "fileByFilename" | "fileContainingSymbol" | "allExtensionNumbersOfType"; value: string }
  | { case: "fileContainingExtension"; value: { containingType: string } }
  | { case: undefined; value?: undefined };

/** The `message_response` to it. */
type Answer =
  | { case: "listServicesResponse"; value: { service: { name: string }[] } }
  | { case: "fileDescriptorResponse"; value: { fileDescriptorProto: Uint8Array[] } }
  | { case: "allExtensionNumbersResponse"; value: { baseTypeName: string; extensionNumber: number[] } }
  | { case: "errorResponse"; value: { errorCode: number; errorMessage: string } };

/** What the server says about its services: `grpc.reflection.v1` and `v1alpha` differ only in their names. */
export class Reflection {
  readonly #files = new Map<string, DescFile>();
  /** Files by the full names that they define. */
  readonly #symbols = new Map<string, DescFile>();
  readonly #services: string[] = [];

  /** @param files those of the services served; what they import is found from there. */
  constructor(files: readonly DescFile[]) {
    for (const file of files) this.#add(file);
    this.#services.sort();
  }

  /** Answers one question; what cannot be found is an answer, too. */
  answer(question: Question): Answer {
    switch (question.case) {
      case "listServices":
        return { case: "listServicesResponse", value: { service: this.#services.map((name) => ({ name })) } };
      case "fileByFilename":
        return this.#file(this.#files.get(question.value), "file", question.value);
      case "fileContainingSymbol":
        return this.#file(this.#symbols.get(question.value), "symbol", question.value);
      case "fileContainingExtension":
        return failed(reflectionNotFound("extension of", question.value.containingType));
      case "allExtensionNumbersOfType": {
        const baseTypeName = question.value;
        if (!this.#symbols.has(baseTypeName)) return failed(reflectionNotFound("type", baseTypeName));
        return { case: "allExtensionNumbersResponse", value: { baseTypeName, extensionNumber: [] } };
      }
      default:
        return failed(reflectionWithoutQuestion());
    }
  }

  #add(file: DescFile): void {
    if (this.#files.has(file.proto.name)) return;
    this.#files.set(file.proto.name, file);
    for (const dependency of file.dependencies) this.#add(dependency);
    for (const type of nestedTypes(file)) {
      this.#symbols.set(type.typeName, file);
      if (type.kind === "service") {
        this.#services.push(type.typeName);
        for (const method of type.methods) this.#symbols.set(`${type.typeName}.${method.name}`, file);
      } else if (type.kind === "message") {
        for (const member of [...type.fields, ...type.oneofs]) {
          this.#symbols.set(`${type.typeName}.${member.name}`, file);
        }
      } else if (type.kind === "enum") {
        const scope = type.typeName.slice(0, type.typeName.lastIndexOf(".") + 1); // values are siblings of their enum
        for (const value of type.values) this.#symbols.set(scope + value.name, file);
      }
    }
  }

  /** The file and all that it imports, so that the client need not ask again. */
  #file(file: DescFile | undefined, kind: string, name: string): Answer {
    if (!file) return failed(reflectionNotFound(kind, name));
    const files = new Set<DescFile>();
    const collect = (each: DescFile): void => {
      if (files.has(each)) return;
      files.add(each);
      each.dependencies.forEach(collect);
    };
    collect(file);
    const fileDescriptorProto = [...files].map((each) => toBinary(FileDescriptorProtoSchema, each.proto));
    return { case: "fileDescriptorResponse", value: { fileDescriptorProto } };
  }
}

function failed(status: Status): Answer {
  return { case: "errorResponse", value: { errorCode: status.grpcStatus, errorMessage: status.message } };
}
