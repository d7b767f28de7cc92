// One operation: what it does and takes, a form to try it, and what it answers.

import { button, byId, element } from "../page/elements.js";
import { inline, prose } from "./prose.js";
import { example, fields, resolve, typeOf } from "./schema.js";

/** A part of the page that opens to the whole of an operation. */
export function operationSection(openapi, path, method, operation) {
  const details = element("details", { id: operation.operationId, class: "operation" },
    element("summary", {},
      element("span", { class: `method ${method}` }, method.toUpperCase()), " ",
      element("code", {}, path), " ", element("span", { class: "what" }, operation.summary)));
  const fill = () => {
    if (details.childElementCount === 1) details.append(whole(openapi, path, method, operation));
  };
  details.addEventListener("toggle", fill, { once: true });
  return details;
}

function whole(openapi, path, method, operation) {
  const body = operation.requestBody?.content["application/json"];
  const scopes = Object.values(operation.security?.[0] ?? {})[0] ?? [];
  const form = tryingForm(openapi, path, method, operation, body);
  return element("div", { class: "whole" },
    ...prose(operation.description),
    ...(scopes.length ? [element("p", { class: "hint" }, "Scope: ", element("code", {}, scopes.join(", ")))] : []),
    form,
    ...(body ? [more("The body", fields(openapi, body.schema))] : []),
    more("The answer", fields(openapi, success(operation).schema) ?? element("p", {}, "JSON")),
    more("Errors", errors(operation)));
}

function more(title, content) {
  return element("details", { class: "more" }, element("summary", {}, title), content);
}

function success(operation) {
  return operation.responses["200"]?.content?.["application/json"] ?? {};
}

function errors(operation) {
  const told = Object.entries(operation.responses).filter(([status]) => !status.startsWith("2"));
  return element("dl", {}, ...told.flatMap(([status, { description }]) => [
    element("dt", {}, element("code", {}, status)), element("dd", {}, ...inline(description))]));
}

function tryingForm(openapi, path, method, operation, body) {
  const id = operation.operationId;
  const inputs = (operation.parameters ?? []).map((parameter) => parameterInput(openapi, id, parameter));
  const text = body && element("textarea", { id: `${id}-body`, rows: "6", spellcheck: "false" });
  if (text) text.value = JSON.stringify(bodyExample(openapi, body), null, 2);
  const request = () => requestOf(path, method, operation, inputs, text);
  const command = element("pre", { class: "command", tabindex: "0", "aria-label": "The same with curl" });
  const refresh = () => { command.textContent = curl(request()); };
  const result = element("div", { class: "result", role: "status" });
  const form = element("form", { autocomplete: "off" },
    ...inputs.map(({ row }) => row),
    ...(text ? [element("div", { class: "row" }, element("label", { for: text.id }, "Body"), text)] : []),
    element("p", { class: "actions" },
      element("button", { class: "button strong small", type: "submit" }, "Send"), " ",
      button({}, () => navigator.clipboard?.writeText(command.textContent), "Copy for a terminal")),
    command, result);
  form.addEventListener("input", refresh);
  form.addEventListener("submit", (event) => {
    event.preventDefault();
    send(request(), result);
  });
  refresh();
  return form;
}

function bodyExample(openapi, body) {
  const [named] = Object.values(body.examples ?? {});
  return named ? named.value : example(openapi, body.schema);
}

function parameterInput(openapi, id, parameter) {
  const name = `${id}-${parameter.name}`;
  const required = parameter.required ? { required: true } : {};
  const input = element("input", { id: name, type: "text", spellcheck: "false", ...required });
  const [given] = resolve(openapi, parameter.schema).examples ?? [];
  if (parameter.required && given !== undefined) input.value = given;
  const kind = `${parameter.in}, ${typeOf(openapi, parameter.schema)}${parameter.required ? ", required" : ""}`;
  const row = element("div", { class: "row" },
    element("label", { for: name }, element("code", {}, parameter.name), " ", element("small", {}, kind)),
    input,
    element("p", { class: "hint" }, ...inline(parameter.description)));
  return { parameter, input, row };
}

function requestOf(path, method, operation, inputs, text) {
  let filled = path;
  const query = new URLSearchParams();
  const headers = {};
  for (const { parameter, input } of inputs) {
    if (parameter.in === "path") filled = filled.replace(`{${parameter.name}}`, encodeURIComponent(input.value));
    else if (input.value && parameter.in === "query") query.set(parameter.name, input.value);
    else if (input.value) headers[parameter.name] = input.value;
  }
  if (text) headers["Content-Type"] = "application/json";
  const url = new URL(`.${filled}`, new URL(".", location.href));
  url.search = query;
  return { url, method: method.toUpperCase(), headers, body: text?.value };
}

function curl({ url, method, headers, body }) {
  const quoted = (part) => `'${part.replaceAll("'", "'\\''")}'`;
  const parts = [method === "GET" ? "curl" : `curl -X ${method}`, quoted(url.href), '-H "Authorization: Bearer $HUBBUB_API_KEY"'];
  for (const [name, value] of Object.entries(headers)) parts.push(`-H ${quoted(`${name}: ${value}`)}`);
  if (body !== undefined) parts.push(`-d ${quoted(body)}`);
  return parts.join(" \\\n  ");
}

async function send({ url, method, headers, body }, result) {
  result.replaceChildren(element("p", { class: "hint" }, "Sending…"));
  const key = byId("key").value.trim();
  try {
    const authorization = key ? { Authorization: `Bearer ${key}` } : {};
    const answer = await fetch(url, { method, headers: { ...headers, ...authorization }, body, credentials: "omit" });
    result.replaceChildren(
      element("p", {}, element("strong", { class: answer.ok ? "good" : "bad" }, `${answer.status} ${answer.statusText}`)),
      element("pre", { tabindex: "0" }, pretty(await answer.text())));
  } catch (error) {
    result.replaceChildren(element("p", { class: "bad" }, `Not sent: ${error.message}`));
  }
}

function pretty(text) {
  try {
    return JSON.stringify(JSON.parse(text), null, 2);
  } catch {
    return text;
  }
}
