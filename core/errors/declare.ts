import { Status, type StatusCode } from "../status.ts";

/**
 * Declares one error of the catalogue: its code and its message as a template. The files beside this one are the whole
 * catalogue; no message that a client can see is written anywhere else.
 *
 * @param http overrides the HTTP status of the code. @param grpc overrides its gRPC status.
 */
export function declare<Args extends unknown[]>(
  code: StatusCode,
  template: (...args: Args) => string,
  http?: number,
  grpc?: number,
): (...args: Args) => Status {
  return (...args) => new Status(code, template(...args), http, undefined, grpc);
}
