import { create, type DescField, type DescMessage, type MessageShape } from "@bufbuild/protobuf";
import { reflect, type ReflectMessage } from "@bufbuild/protobuf/reflect";
import * as errors from "../../core/errors/config_text.ts";
import type { Status } from "../../core/status.ts";
import { adviseField, adviseIdentifier, adviseMessage, type FieldOwner } from "./text_advice.ts";
import { entryTypeName, zeroOf } from "./descriptors.ts";
import { readEnum, readScalar, type ScalarValue, type TextSource } from "./text_scalars.ts";
import { type Token, Tokenizer } from "./text_tokens.ts";

const { advice } = errors;
type MapField = DescField & { fieldKind: "map" };

/**
 * Parses protobuf text format into a message, driven by its descriptors: comments, `a {}`, `a: {}` and `a <>`, lists,
 * maps as repeated entries (the last of a key wins), `,` and `;` as separators, adjacent strings, every escape, enums
 * by name or number.
 *
 * @param file names the text in errors.
 * @throws Status INVALID_ARGUMENT for the first mistake: `<file>:<line>:<column>: <protobuf's text>`, the field, and what
 *   to write instead.
 */
export function parseTextFormat<Desc extends DescMessage>(
  schema: Desc,
  text: string,
  file: string,
): MessageShape<Desc> {
  const message = create(schema);
  new TextParser(new Tokenizer(file, text), schema).parse(reflect(schema, message, false));
  return message;
}

class TextParser implements TextSource {
  token: Token;
  #path: string[] = [];
  /** Brackets that are open, innermost last. */
  #open: Token[] = [];

  constructor(private readonly tokens: Tokenizer, private readonly root: DescMessage) {
    this.token = tokens.next();
  }

  advance(): void {
    this.token = this.tokens.next();
  }

  at(token: Token = this.token): errors.TextPosition {
    const field = this.#path.reduce(
      (path, step) => path && !step.startsWith("[") ? `${path}.${step}` : path + step,
      "",
    );
    return { file: this.tokens.file, line: token.line, column: token.column, field };
  }

  parse(message: ReflectMessage): void {
    const seen = new Map<string, number>();
    while (this.token.kind !== "end") this.#field(message, seen);
  }

  #accept(symbol: string): boolean {
    if (this.token.kind !== "symbol" || this.token.text !== symbol) return false;
    this.advance();
    return true;
  }

  #expect(symbol: string, help = ""): void {
    if (!this.#accept(symbol)) {
      throw errors.expectedSymbol(this.at(), this.#unclosed() || help, symbol, this.token.text);
    }
  }

  #unclosed(): string {
    const open = this.#open.at(-1);
    return this.token.kind === "end" && open ? advice.unclosed(open.text, open.line) : "";
  }

  /** The name that a field starts with. */
  #name(owner: FieldOwner): Token {
    const name = this.token;
    if (name.kind !== "identifier") {
      const help = this.#unclosed() || adviseIdentifier(name, owner, this.#open.at(-1));
      throw errors.expectedIdentifier(this.at(), help, name.text);
    }
    this.advance();
    return name;
  }

  #unknownField(owner: FieldOwner, typeName: string, name: Token): Status {
    const help = adviseField(owner, name.text, this.root, this.#open.at(-1));
    return errors.unknownField(this.at(name), help, typeName, name.text);
  }

  #field(message: ReflectMessage, seen: Map<string, number>): void {
    const desc = message.desc;
    const name = this.#name(desc);
    const field = desc.fields.find((field) => field.name === name.text);
    if (!field) throw this.#unknownField(desc, desc.typeName, name);
    this.#path.push(name.text);
    switch (field.fieldKind) {
      case "list": {
        const list = message.get(field);
        this.#elements(list.size, field.listKind === "message", () => {
          if (field.listKind === "message") list.add(this.#message(field.message, field.name));
          else if (field.listKind === "enum") list.add(readEnum(this, field, field.enum));
          else list.add(readScalar(this, field, field.scalar));
        });
        break;
      }
      case "map":
        this.#elements(0, true, () => this.#entry(message, field));
        break;
      default:
        this.#once(message, field, name, seen);
        if (field.fieldKind === "message") {
          this.#accept(":");
          message.set(field, this.#message(field.message, field.name));
        } else {
          this.#expect(":", advice.colon);
          message.set(
            field,
            field.fieldKind === "enum" ? readEnum(this, field, field.enum) : readScalar(this, field, field.scalar),
          );
        }
    }
    this.#path.pop();
    if (!this.#accept(",")) this.#accept(";");
  }

  /** Refuses a second value of a field, or a second member of a oneof. */
  #once(message: ReflectMessage, field: DescField, name: Token, seen: Map<string, number>): void {
    const line = seen.get(field.name);
    if (line !== undefined) throw errors.repeatedField(this.at(name), advice.firstSeen(line), field.name);
    const other = field.oneof && message.oneofCase(field.oneof);
    if (other) {
      const otherLine = seen.get(other.name)!;
      throw errors.oneofConflict(this.at(name), advice.keepOne(otherLine), field.name, other.name, field.oneof.name);
    }
    seen.set(field.name, name.line);
  }

  /** One element of a repeated field, or several in brackets. */
  #elements(count: number, messages: boolean, read: () => void): void {
    if (messages) this.#accept(":");
    else this.#expect(":", advice.colon);
    const open = this.token;
    const one = (): void => {
      this.#path.push(`[${count++}]`);
      read();
      this.#path.pop();
    };
    if (!this.#accept("[")) return one();
    this.#open.push(open);
    if (this.#accept("]")) return void this.#open.pop();
    do one(); while (this.#accept(","));
    this.#expect("]", advice.expected("',' or ']'"));
    this.#open.pop();
  }

  /** Reads fields up to the bracket that closes what the current token opens. */
  #braced(owner: FieldOwner, name: string, read: () => void): void {
    const open = this.token;
    const close = open.text === "<" ? ">" : "}";
    if (!this.#accept("<")) this.#expect("{", adviseMessage(owner, name, open));
    this.#open.push(open);
    while (!this.#accept(close)) read();
    this.#open.pop();
  }

  #message(desc: DescMessage, name: string): ReflectMessage {
    const message = reflect(desc, create(desc), false);
    const seen = new Map<string, number>();
    this.#braced(desc, name, () => this.#field(message, seen));
    return message;
  }

  /** `{ key: … value: … }`; what is left out has its type's default. */
  #entry(message: ReflectMessage, field: MapField): void {
    let key: ScalarValue | undefined;
    let value: ScalarValue | ReflectMessage | undefined;
    this.#braced(field, field.name, () => {
      const name = this.#name(field);
      if (name.text !== "key" && name.text !== "value") throw this.#unknownField(field, entryTypeName(field), name);
      if ((name.text === "key" ? key : value) !== undefined) throw errors.repeatedField(this.at(name), "", name.text);
      this.#path.push(name.text);
      if (name.text === "value" && field.mapKind === "message") this.#accept(":");
      else this.#expect(":", advice.colon);
      if (name.text === "key") key = readScalar(this, field, field.mapKey);
      else if (field.mapKind === "message") value = this.#message(field.message, "value");
      else if (field.mapKind === "enum") value = readEnum(this, field, field.enum);
      else value = readScalar(this, field, field.scalar);
      this.#path.pop();
      if (!this.#accept(",")) this.#accept(";");
    });
    if (value === undefined) {
      if (field.mapKind === "message") value = reflect(field.message, create(field.message), false);
      else value = field.mapKind === "enum" ? 0 : zeroOf(field.scalar);
    }
    message.get(field).set((key ?? zeroOf(field.mapKey)) as string, value);
  }
}
