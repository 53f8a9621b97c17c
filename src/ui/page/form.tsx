import { Component, h, type VNode } from './preact.tsx';
import type { Json, JsonObject } from './api.tsx';

interface Props {
  /** A JSON Schema of an object. Fields that are neither text, number, switch nor choice are written as JSON. */
  readonly schema: JsonObject;
  readonly submit: string;
  readonly busy: boolean;
  readonly onSubmit: (value: JsonObject) => void;
}

interface State {
  readonly texts: Readonly<Record<string, string>>;
  readonly wrong: Readonly<Record<string, string>>;
}

interface Field {
  readonly name: string;
  readonly title: string;
  readonly description: string;
  readonly type: 'text' | 'number' | 'switch' | 'choice' | 'json';
  readonly whole: boolean;
  readonly required: boolean;
  readonly options: readonly { readonly value: string; readonly title: string }[];
  readonly start: string;
}

/** A form made from a schema. Empty fields are left out, so that defaults hold. */
export class Form extends Component<Props, State> {
  override state: State = { texts: {}, wrong: {} };

  readonly #submit = (event: Event): void => {
    event.preventDefault();
    const value: Record<string, Json> = {};
    const wrong: Record<string, string> = {};
    for (const field of fieldsOf(this.props.schema)) {
      const text = this.#textOf(field);
      const read = valueOf(field, text);
      if ('wrong' in read) wrong[field.name] = read.wrong;
      else if (read.value !== undefined) value[field.name] = read.value;
    }
    this.setState({ wrong });
    if (Object.keys(wrong).length === 0) this.props.onSubmit(value);
  };

  #textOf({ name, start }: Field): string {
    return this.state.texts[name] ?? start;
  }

  override render(): VNode {
    const { schema, submit, busy } = this.props;
    return (
      <form onSubmit={this.#submit} noValidate>
        {fieldsOf(schema).map((field) => this.#field(field))}
        <p>
          <button type="submit" class="main" disabled={busy}>
            {submit}
          </button>
        </p>
      </form>
    );
  }

  #field(field: Field): VNode {
    const { name, title, description, required } = field;
    const id = `field-${name}`;
    const wrong = this.state.wrong[name];
    const shared = {
      id,
      'aria-required': required,
      'aria-invalid': wrong !== undefined,
      'aria-describedby': `${id}-about`,
    };
    const change = (text: string): void => this.setState({ texts: { ...this.state.texts, [name]: text } });
    return (
      <p key={name}>
        <label for={id}>
          {title}
          {required ? ' (required)' : ''}
        </label>
        {inputOf(field, this.#textOf(field), change, shared)}
        <span id={`${id}-about`} class={wrong === undefined ? 'soft' : 'error'}>
          {' '}
          {wrong ?? description}
        </span>
      </p>
    );
  }
}

function inputOf(field: Field, text: string, change: (text: string) => void, shared: object): VNode {
  const changed = (event: Event): void =>
    change((event.currentTarget as HTMLInputElement | HTMLSelectElement | HTMLTextAreaElement).value);
  if (field.type === 'json') return <textarea {...shared} value={text} onInput={changed} spellcheck={false} />;
  if (field.type === 'text') return <input {...shared} value={text} onInput={changed} size={40} />;
  if (field.type === 'number') return <input {...shared} value={text} onInput={changed} inputMode="decimal" />;
  const options = field.type === 'switch' ? SWITCH : field.options;
  return (
    <select {...shared} value={text} onChange={changed}>
      <option value="">–</option>
      {options.map(({ value, title }) => (
        <option value={value} key={value}>
          {title}
        </option>
      ))}
    </select>
  );
}

const SWITCH = [
  { value: 'true', title: 'yes' },
  { value: 'false', title: 'no' },
];

function valueOf(field: Field, text: string): { readonly value: Json | undefined } | { readonly wrong: string } {
  if (text === '') return field.required ? { wrong: 'This is needed.' } : { value: undefined };
  switch (field.type) {
    case 'text':
      return { value: text };
    case 'number': {
      const number = Number(text);
      if (!Number.isFinite(number) || (field.whole && !Number.isInteger(number))) {
        return { wrong: field.whole ? 'A whole number is expected.' : 'A number is expected.' };
      }
      return { value: number };
    }
    case 'switch':
      return { value: text === 'true' };
    case 'choice':
      return { value: JSON.parse(text) as Json };
    case 'json':
      try {
        return { value: JSON.parse(text) as Json };
      } catch {
        return { wrong: 'This is not JSON.' };
      }
  }
}

function isObject(value: Json | undefined): value is JsonObject {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

function fieldsOf(schema: JsonObject): readonly Field[] {
  const { properties, required } = schema;
  const needed = Array.isArray(required) ? (required as readonly Json[]) : [];
  return Object.entries(isObject(properties) ? properties : {}).map(([name, given]) => {
    const member = isObject(given) ? given : {};
    const options = optionsOf(member);
    const type = options.length > 0 ? 'choice' : typeOf(member['type']);
    const { title, description, default: start } = member;
    return {
      name,
      title: typeof title === 'string' ? title : name,
      description: typeof description === 'string' ? description : '',
      type,
      whole: member['type'] === 'integer',
      required: needed.includes(name),
      options,
      start: startOf(type, start),
    };
  });
}

function startOf(type: Field['type'], start: Json | undefined): string {
  if (start === undefined || start === null) return '';
  return type === 'text' && typeof start === 'string' ? start : JSON.stringify(start);
}

function typeOf(type: Json | undefined): Field['type'] {
  if (type === 'string') return 'text';
  if (type === 'number' || type === 'integer') return 'number';
  return type === 'boolean' ? 'switch' : 'json';
}

/**
 * MCP has three spellings of one choice: `enum`, `enum` with `enumNames`, `oneOf` of constants. Values are kept as
 * JSON.
 */
function optionsOf(member: JsonObject): Field['options'] {
  const { enum: values, enumNames: names, oneOf } = member;
  if (Array.isArray(values)) {
    const titles = Array.isArray(names) ? (names as readonly Json[]) : [];
    return (values as readonly Json[]).map((value, index) => {
      const title = titles[index];
      return { value: JSON.stringify(value), title: typeof title === 'string' ? title : titleOf(value) };
    });
  }
  if (!Array.isArray(oneOf)) return [];
  return (oneOf as readonly Json[]).flatMap((each) => {
    if (!isObject(each) || each['const'] === undefined) return [];
    const { const: value, title } = each;
    return [{ value: JSON.stringify(value), title: typeof title === 'string' ? title : titleOf(value) }];
  });
}

function titleOf(value: Json): string {
  return typeof value === 'string' ? value : JSON.stringify(value);
}
