import Table from "cli-table3";

/** A table in Triton's style, of characters that every terminal has. Cells may have several lines. */
export function boxed(head: readonly string[], rows: readonly (readonly string[])[]): string {
  const table = new Table({
    chars: {
      "top": "-",
      "top-mid": "+",
      "top-left": "+",
      "top-right": "+",
      "bottom": "-",
      "bottom-mid": "+",
      "bottom-left": "+",
      "bottom-right": "+",
      "left": "|",
      "left-mid": "",
      "mid": "",
      "mid-mid": "",
      "right": "|",
      "right-mid": "",
      "middle": "|",
    },
    style: { head: [], border: [] },
  });
  // The lines between rows are left out but for the one below the head, which is where they all would be alike.
  for (const row of [head, ...rows]) table.push(row.map(escapeControls));
  const lines = table.toString().split("\n");
  const headHeight = Math.max(...head.map((cell) => cell.split("\n").length));
  return [...lines.slice(0, 1 + headHeight), lines[0], ...lines.slice(1 + headHeight)].join("\n");
}

/** The text without characters that a terminal would obey; line ends stay. */
export function escapeControls(text: string): string {
  return text.replace(/(?!\n)\p{Cc}/gu, (char) => `\\u${char.charCodeAt(0).toString(16).padStart(4, "0")}`);
}
