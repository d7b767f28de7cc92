import { element } from "../page/elements.js";

/** Paragraphs of what OpenAPI calls Markdown, of which the document uses `code` and **emphasis**. */
export function prose(text = "") {
  return text
    .trim()
    .split(/\n{2,}/)
    .filter(Boolean)
    .map((paragraph) => element("p", {}, ...inline(paragraph)));
}

/** The same without paragraphs. */
export function inline(text = "") {
  return text
    .split(/(`[^`]+`|\*\*[^*]+\*\*)/)
    .filter(Boolean)
    .map((part) => {
      if (part.startsWith("`")) return element("code", {}, part.slice(1, -1));
      return part.startsWith("**") ? element("strong", {}, part.slice(2, -2)) : part;
    });
}
