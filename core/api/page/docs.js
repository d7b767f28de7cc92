// The page at /docs: an OpenAPI document for people, and a way to try what it says.

import { byId, element } from "../page/elements.js";
import { operationSection } from "./operation.js";
import { prose } from "./prose.js";

try {
  const answer = await fetch(new URL("openapi.json", location.href));
  if (!answer.ok) throw new Error(`openapi.json: ${answer.status} ${answer.statusText}`);
  show(await answer.json());
} catch (error) {
  byId("operations").replaceChildren(element("p", { role: "alert" }, `This page cannot be shown: ${error.message}`));
}

function show(openapi) {
  byId("title").textContent = `${openapi.info.title}: the HTTP API`;
  byId("version").textContent = openapi.info.version;
  byId("description").replaceChildren(...prose(openapi.info.description));
  byId("operations").replaceChildren(...openapi.tags.map((tag) => tagSection(openapi, tag)));
  document.getElementById(location.hash.slice(1))?.setAttribute("open", "");
  document.getElementById(location.hash.slice(1))?.scrollIntoView();
}

function tagSection(openapi, tag) {
  const section = element("section", {}, element("h2", {}, tag.name), ...prose(tag.description));
  for (const [path, methods] of Object.entries(openapi.paths)) {
    for (const [method, operation] of Object.entries(methods)) {
      if (operation.tags?.includes(tag.name)) section.append(operationSection(openapi, path, method, operation));
    }
  }
  return section;
}

byId("key-form").addEventListener("submit", (event) => event.preventDefault());
