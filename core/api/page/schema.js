// What a JSON Schema of the document says, and an example that fits it.

import { element } from "../page/elements.js";
import { inline } from "./prose.js";

/** The schema that a reference means. */
export function resolve(openapi, schema) {
  if (!schema?.$ref) return schema ?? {};
  return schema.$ref.split("/").slice(1).reduce((below, name) => below[name], openapi);
}

/** A value that fits the schema: its own example, or one made of those of its parts. */
export function example(openapi, reference) {
  const schema = resolve(openapi, reference);
  if (schema.examples?.length) return schema.examples[0];
  if (schema.const !== undefined) return schema.const;
  if (schema.default !== undefined) return schema.default;
  const alternative = (schema.anyOf ?? schema.oneOf)?.[0];
  if (alternative) return example(openapi, alternative);
  if (schema.enum) return schema.enum[0];
  if (schema.type === "array") return [example(openapi, schema.items)];
  if (schema.type === "object") return exampleObject(openapi, schema);
  return { string: "", integer: 0, number: 0, boolean: false }[schema.type] ?? null;
}

function exampleObject(openapi, schema) {
  const required = Object.entries(schema.properties ?? {}).filter(([name]) => schema.required?.includes(name));
  return Object.fromEntries(required.map(([name, each]) => [name, example(openapi, each)]));
}

/** The fields of an object, or of each of its alternatives. */
export function fields(openapi, reference, depth = 0) {
  const schema = resolve(openapi, reference);
  const items = schema.type === "array" ? fields(openapi, schema.items, depth) : null;
  if (items) return items;
  const alternatives = (schema.oneOf ?? schema.anyOf ?? []).map((each) => resolve(openapi, each));
  const objects = alternatives.filter((each) => each.properties);
  if (objects.length) {
    return element("div", {}, ...objects.map((each) => element("div", { class: "alternative" },
      element("p", {}, ...inline(each.description)), fields(openapi, each, depth))));
  }
  if (!schema.properties || depth > 2) return null;
  return element("dl", {}, ...Object.entries(schema.properties).flatMap(([name, each]) =>
    field(openapi, name, each, Boolean(schema.required?.includes(name)), depth)));
}

function field(openapi, name, reference, isRequired, depth) {
  const below = fields(openapi, reference, depth + 1);
  const kind = `${typeOf(openapi, reference)}${isRequired ? ", required" : ""}`;
  return [
    element("dt", {}, element("code", {}, name), " ", element("small", {}, kind)),
    element("dd", {}, ...inline(reference.description ?? resolve(openapi, reference).description), ...(below ? [below] : [])),
  ];
}

/** What kind of value it is, in a few words. */
export function typeOf(openapi, reference) {
  const schema = resolve(openapi, reference);
  if (schema.const !== undefined) return JSON.stringify(schema.const);
  if (schema.enum) return schema.enum.map((each) => JSON.stringify(each)).join(" or ");
  const alternatives = schema.anyOf ?? schema.oneOf;
  if (alternatives) return [...new Set(alternatives.map((each) => typeOf(openapi, each)))].join(" or ");
  if (schema.type === "array") return `list of ${typeOf(openapi, schema.items)}`;
  return schema.format ?? schema.type ?? "any JSON value";
}
