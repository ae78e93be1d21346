import { equal, ok } from "node:assert/strict";
import { helpText, wrap } from "./help.ts";
import { optionName, SECTIONS } from "./option.ts";
import { OPTION_LIST } from "./table.ts";

Deno.test("helpText() shows every option and section when asked, within the width", () => {
  const text = helpText("1.0", 100);
  for (const [key] of OPTION_LIST) ok(text.includes(`  --${optionName(key)}`), key);
  for (const section of SECTIONS) ok(text.includes(`\n${section}:\n`), section);
  for (const line of text.split("\n")) ok(line.length <= 100, line);
});

Deno.test("every option says why when its effect is not full", () => {
  for (const [key, { effect, why }] of OPTION_LIST) equal(effect === undefined, why === undefined, key);
});

Deno.test("optionName() puts dashes before capitals when given a key", () => {
  equal(optionName("grpcHttp2MaxPingStrikes"), "grpc-http2-max-ping-strikes");
});

Deno.test("wrap() breaks at blanks when a text is too wide", () => {
  equal(wrap("aa bb cc", 2, 7).join("|"), "  aa bb|  cc");
});
