import { deepEqual, equal, match, throws } from "node:assert/strict";
import { Logger } from "./log.ts";

function logged(write: (log: Logger) => void): string {
  let text = "";
  write(new Logger((more) => text += more));
  return text;
}

Deno.test("Logger writes Triton's line with the place that logged when the format is default", () => {
  const text = logged((log) => log.warning("careful"));
  match(text, /^W\d{4} \d\d:\d\d:\d\d\.\d{6} \d+ log_test\.ts:\d+\] "careful"\n$/);
});

Deno.test("Logger writes ISO 8601 times when told to", () => {
  const text = logged((log) => {
    log.configure({ format: "ISO8601" });
    log.error("x");
  });
  match(text, /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ E \d+ log_test\.ts:\d+\] "x"\n$/);
});

Deno.test("Logger keeps a message on one line, without control characters, when it has some", () => {
  const text = logged((log) => log.info('a\n"b"\x1b[31m\x9bc'));
  match(text, /\] "a\\n\\"b\\"\\u001b\[31m\\u009bc"\n$/);
});

Deno.test("Logger writes one JSON object a line when the format is json", () => {
  const text = logged((log) => {
    log.configure({ format: "json" });
    log.info("x");
    log.table("Models", ["Model", "Version"], [["m", "1"]]);
  });
  const [line, table] = text.trim().split("\n").map((entry) => JSON.parse(entry));
  equal(line.level, "INFO");
  equal(line.message, "x");
  match(line.source, /^log_test\.ts:\d+$/);
  deepEqual(table.rows, [{ model: "m", version: "1" }]);
});

Deno.test("Logger writes only what its settings let through when they change", () => {
  const text = logged((log) => {
    log.verbose(1, "hidden");
    log.configure({ verbose: 1, info: false });
    log.verbose(1, "shown");
    log.verbose(2, "hidden");
    log.info("hidden");
    log.table("hidden", ["x"], []);
    log.configure({ warning: false, error: false });
    log.warning("hidden");
    log.error("hidden");
  });
  equal(text.match(/"shown"/g)?.length, 1);
  equal(text.includes("hidden"), false);
});

Deno.test("Logger draws a box as Triton does when given a table", () => {
  const text = logged((log) => log.table("Models", ["Model", "Reason"], [["m", "two\nlines"], ["n", ""]]));
  equal(
    text.split("\n").slice(1).join("\n"),
    `+-------+--------+
| Model | Reason |
+-------+--------+
| m     | two    |
|       | lines  |
| n     |        |
+-------+--------+
`,
  );
});

Deno.test("Logger.configure() appends to a file when given one, and keeps its settings when it cannot", () => {
  const directory = Deno.makeTempDirSync();
  try {
    const log = new Logger();
    log.configure({ file: `${directory}/log` });
    log.info("first");
    throws(() => log.configure({ file: `${directory}/none/log` }), Deno.errors.NotFound);
    log.info("second");
    log.configure({ file: "", info: false });
    match(Deno.readTextFileSync(`${directory}/log`), /"first"\n.*"second"\n$/);
  } finally {
    Deno.removeSync(directory, { recursive: true });
  }
});

Deno.test("Logger goes on when its sink fails", () => {
  const log = new Logger(() => {
    throw new Error("closed pipe");
  });
  log.info("x");
});
