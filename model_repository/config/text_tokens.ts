import {
  advice,
  controlCharacter,
  invalidExponent,
  invalidHex,
  invalidOctal,
  multilineString,
  unfinishedString,
} from "../../core/errors/config_text.ts";

/** One token of protobuf text format. `text` is as written, quotes included; "" at the end. */
export interface Token {
  readonly kind: "identifier" | "integer" | "float" | "string" | "symbol" | "end";
  readonly text: string;
  /** Both count from 1. */
  readonly line: number;
  readonly column: number;
}

const IDENTIFIER = /[A-Za-z_][A-Za-z0-9_]*/y;
const HEXADECIMAL = /0[xX][0-9A-Fa-f]*/y;
const DECIMAL = /(?:[0-9]+(?:\.[0-9]*)?|\.[0-9]+)(?:[eE][+-]?[0-9]*)?[fF]?/y;
const BLANK = " \t\r\v\f";

/** Reads tokens one by one, so that the first mistake in the text is the one reported. */
export class Tokenizer {
  #at: number;
  #line = 1;
  #lineStart: number;

  /** @param file names the text in errors. */
  constructor(readonly file: string, private readonly text: string) {
    // A byte order mark is no text.
    this.#at = this.#lineStart = text.startsWith("\uFEFF") ? 1 : 0;
  }

  /**
   * The next token; `end` for ever after the last.
   *
   * @throws Status INVALID_ARGUMENT for what is no token.
   */
  next(): Token {
    this.#skipBlank();
    if (this.#at >= this.text.length) return this.#token("end", "");
    const first = this.text[this.#at];
    if (first === '"' || first === "'") return this.#token("string", this.#string(first));
    const identifier = this.#match(IDENTIFIER);
    if (identifier) return this.#token("identifier", identifier);
    if (first >= "0" && first <= "9" || first === "." && /[0-9]/.test(this.text[this.#at + 1] ?? "")) {
      return this.#number();
    }
    if (first < " ") throw controlCharacter(this.#position(), "");
    return this.#token("symbol", String.fromCodePoint(this.text.codePointAt(this.#at)!));
  }

  #match(pattern: RegExp): string | undefined {
    pattern.lastIndex = this.#at;
    return pattern.exec(this.text)?.[0];
  }

  #skipBlank(): void {
    for (; this.#at < this.text.length; this.#at++) {
      const character = this.text[this.#at];
      if (character === "#") {
        const end = this.text.indexOf("\n", this.#at);
        this.#at = (end < 0 ? this.text.length : end) - 1;
      } else if (character === "\n") {
        this.#line++;
        this.#lineStart = this.#at + 1;
      } else if (!BLANK.includes(character)) {
        return;
      }
    }
  }

  #number(): Token {
    const hexadecimal = this.#match(HEXADECIMAL);
    if (hexadecimal) {
      if (hexadecimal.length === 2) throw invalidHex(this.#position(), "");
      return this.#token("integer", hexadecimal);
    }
    const text = this.#match(DECIMAL)!;
    if (/[eE][+-]?[fF]?$/.test(text)) throw invalidExponent(this.#position(), "");
    if (/[.eEfF]/.test(text)) return this.#token("float", text);
    if (/^0.*[89]/.test(text)) throw invalidOctal(this.#position(), "");
    return this.#token("integer", text);
  }

  #string(quote: string): string {
    for (let at = this.#at + 1; at < this.text.length; at++) {
      const character = this.text[at];
      if (character === quote) return this.text.slice(this.#at, at + 1);
      if (character === "\n") throw multilineString(this.#position(), advice.closeQuote(quote));
      if (character === "\\" && this.text[at + 1] !== "\n") at++;
    }
    throw unfinishedString(this.#position(), advice.closeQuote(quote));
  }

  #position() {
    return { file: this.file, line: this.#line, column: this.#at - this.#lineStart + 1, field: "" };
  }

  #token(kind: Token["kind"], text: string): Token {
    const token = { kind, text, line: this.#line, column: this.#at - this.#lineStart + 1 };
    this.#at += text.length;
    return token;
  }
}
